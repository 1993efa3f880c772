// The tab with all curves: one chart per statistic. Charts zoom together.

import { setting, tabAddress } from "./address.js";
import { askAhead } from "./ahead.js";
import { getCurves } from "./api.js";
import { lineKey, runsKey } from "./curvekey.js";
import { h } from "./dom.js";
import { figure } from "./figure.js";
import { count } from "./format.js";
import { charts } from "./guide.js";
import { emptyPlot, lineChart } from "./linechart.js";
import { color, dashes, kindColor } from "./palette.js";
import { saved } from "./saved.js";
import { possible, xAxis } from "./xaxis.js";

const settings = {
  smooth: setting("smooth", 0.6, { valid: (v) => v >= 0 && v <= 0.98, lasting: true }),
  envelope: setting("range", true, { lasting: true }),
  logY: setting("logy", false, { lasting: true }),
  logX: setting("logx", false, { lasting: true }),
  axis: setting("x", "step", { valid: (v) => ["step", "epoch", "time"].includes(v), lasting: true }),
  from: setting("from", null),
  to: setting("to", null), // the zoom, on the horizontal axis
};

export function curvesTab(first) {
  let runs = first,
    data = [],
    asked = 0,
    closed = false,
    range = zoomOf(),
    axis = null;
  const shown = new Map(); // by chart: { chart, spec }
  const filledOnce = new Set(); // charts that have had content, which stay
  const box = (name, label) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        name,
        checked: settings[name].get(),
        onchange: (e) => {
          settings[name].set(e.target.checked);
          draw();
        },
      }),
      label,
    );
  const smoothText = h("output", null, settings.smooth.get().toFixed(2));
  const smooth = h("input", {
    type: "range",
    name: "smooth",
    min: 0,
    max: 0.98,
    step: 0.02,
    value: settings.smooth.get(),
    oninput: () => {
      settings.smooth.set(+smooth.value);
      smoothText.textContent = (+smooth.value).toFixed(2);
      draw();
    },
  });
  const axes = h("select", {
    "aria-label": "Horizontal axis",
    name: "axis",
    onchange: () => {
      settings.axis.set(axes.value);
      zoom(null);
    },
  });
  const button = (label, text, go) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const span = h("output", { class: "span" });
  const key = h("ul", { class: "key", "aria-label": "Legend" });
  const toolbar = h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Curves" },
    h("label", { class: "slider" }, "Smoothing", smooth, smoothText),
    box("envelope", "Range"),
    box("logY", "Log values"),
    box("logX", "Log axis"),
    axes,
    h(
      "span",
      { class: "zoom" },
      span,
      button("Zoom in", "+", () => scaleBy(0.5)),
      button("Zoom out", "−", () => scaleBy(2)),
      button("Earlier", "←", () => shift(-1)),
      button("Later", "→", () => shift(1)),
      button("Show all", "All", () => zoom(null)),
    ),
  );
  const grid = h("div", { class: "groups" });
  const el = h("div", { class: "curves" }, toolbar, key, grid);

  const all = () => [
    Math.min(...runs.map((r) => axis.to(r, r.first))),
    Math.max(...runs.map((r) => axis.to(r, Math.max(r.last, 2)))),
  ];
  const view = () => range ?? all();

  function zoom(from, to) {
    setAxis();
    const [low, high] = all();
    if (from !== null) {
      const width = Math.max(axis.whole ? 4 : (high - low) / 1e6, Math.min(to - from, high - low));
      from = Math.max(low, Math.min(from, high - width));
      const exact = (v) => (axis.whole ? Math.round(v) : +v.toPrecision(6));
      range = width >= high - low ? null : [exact(from), exact(from + width)];
    } else range = null;
    settings.from.set(range && String(range[0]));
    settings.to.set(range && String(range[1]));
    draw(); // immediately, with the data at hand; finer data follows
    fetchAll();
  }
  const scaleBy = (f) => {
    const [low, high] = view(),
      middle = (low + high) / 2;
    zoom(middle - ((high - low) * f) / 2, middle + ((high - low) * f) / 2);
  };
  const shift = (direction) => {
    const [low, high] = view(),
      by = (direction * (high - low)) / 2;
    zoom(low + by, high + by);
  };

  async function fetchAll() {
    const ticket = ++asked,
      all = range === null;
    const steps = (r) =>
      all
        ? [0, 2 ** 31]
        : [Math.floor(axis.from(r, range[0])), Math.ceil(axis.from(r, range[1]))].map((v) => Math.max(0, v));
    const answers = await Promise.allSettled(
      runs.map((r) => (r.series.length ? getCurves(r.id, wanted(r), ...steps(r), 400) : { curves: {} })),
    );
    if (closed || ticket !== asked) return;
    data = answers.map((a) => (a.status === "fulfilled" ? a.value.curves : {}));
    arrange(all);
    draw();
  }

  /** wanted omits the raw_ series of runs without the transformation, because they are equal. */
  const wanted = (r) => r.series.map((s) => s.name).filter((n) => !n.startsWith("raw_") || r.onset > 0);

  /**
   * empty reports whether a chart has nothing to show: no values, or those of something that
   * the method does not have.
   */
  const empty = (spec) =>
    spec.series.every((name) =>
      data.every((d) => {
        const c = d[name];
        return !c || c.step.length === 0 || (spec.idle && [...c.min, ...c.max].every(spec.idle));
      }),
    );

  /**
   * arrange makes a frame for each chart. Charts without content are left out; what they have
   * is known when all steps are in view.
   */
  function arrange(all) {
    const specs = charts(runs).filter((spec) => {
      if (!all || empty(spec)) return filledOnce.has(spec.id);
      filledOnce.add(spec.id);
      return true;
    });
    const ids = specs.map((s) => s.id).join();
    if (grid.dataset.ids === ids && specs.length) return;
    grid.dataset.ids = ids;
    for (const { chart } of shown.values()) chart.close();
    shown.clear();
    grid.replaceChildren();
    if (specs.length === 0)
      grid.append(
        emptyPlot(
          runs.every((r) => r.results.length)
            ? "This run has no curves; its results are under Configuration."
            : "Nothing has been recorded yet. Curves appear with the first line of metrics.jsonl; " +
                "--record adds the statistics of every step.",
        ),
      );
    let last = null,
      row = null;
    for (const spec of specs) {
      if (spec.group !== last) {
        row = h("div", { class: "grid" });
        grid.append(h("section", null, h("h2", null, spec.group), row));
        last = spec.group;
      }
      const unit = spec.look ? `${spec.axis}; ${spec.look}` : spec.series.length > 2 && !spec.kinds ? `${spec.axis}; dotted: 5, 25, 75 and 95 % quantiles` : spec.axis;
      const frame = figure({
        id: spec.id,
        title: spec.title,
        unit,
        read: spec.read,
        picture: () => chart.picture(...given(spec)),
        csv: () => chart.csv(),
        runs: () => runs.map((r) => r.label),
      });
      row.append(frame.el);
      // A line for each part has a color of its own, where one run is shown.
      const parts = spec.steps && runs.length === 1 ? h("ul", { class: "key", "aria-label": `Lines of ${spec.title}` }) : null;
      if (parts) frame.body.before(parts);
      const chart = lineChart(frame.body, {
        title: spec.title,
        axis: spec.axis,
        say: frame.say,
        onZoom: zoom,
        onPick: pickable() ? (x) => pick(frame, x) : null,
        sync: "curves",
      });
      shown.set(spec.id, { chart, spec, parts });
    }
  }

  /** pickable reports whether the images behind a point can be shown. */
  const pickable = () => !saved && runs.length === 1 && runs[0].traced;

  const link = h("a", { class: "button behind" });

  /** pick offers the images behind the scores of a point, at the chart that was clicked. */
  function pick(frame, x) {
    const step = Math.max(1, Math.round(axis.from(runs[0], x)));
    link.textContent = `Images of step ${count(step)}`;
    link.href = `${tabAddress("images")}&at=${step}`;
    frame.body.after(link);
    askAhead(runs[0].id, step);
  }

  /** positive reports whether all values of a chart have a logarithm. */
  const positive = (spec) =>
    runs.every((r, i) =>
      spec.series.every((name) =>
        ["", "raw_"].every((raw) => (data[i]?.[raw + name]?.min ?? []).every((v) => v === null || v > 0)),
      ),
    );

  /**
   * marksOf returns where something starts: a full queue, the feature transformation. What
   * starts at the same place in several runs has the color of none.
   */
  function marksOf() {
    const list = runs
      .flatMap((r) => {
        const own = runs.length > 1 ? color(r.index) : null;
        return [
          filled(r) > r.first && {
            x: axis.to(r, filled(r)),
            label: "queue full",
            about: "queue full",
            color: own,
            dash: [1, 4],
          },
          r.onset > r.first && { x: axis.to(r, r.onset), label: "FT", about: "FT starts", color: own, dash: [5, 4] },
        ];
      })
      .filter(Boolean);
    const equal = (m) => list.filter((o) => o.x === m.x && o.label === m.label);
    return list.filter((m) => equal(m)[0] === m).map((m) => (equal(m).length > 1 ? { ...m, color: null } : m));
  }

  function linesOf(spec, log) {
    const lines = [];
    runs.forEach((r, i) => {
      spec.series.forEach((name, k) => {
        for (const raw of ["", "raw_"]) {
          const c = data[i]?.[raw + name];
          if (!c || c.step.length === 0) continue;
          const kinds = spec.kinds,
            lambda = spec.id === "lambda",
            spread = spec.series.length > 1 && !kinds && k > 0;
          const one = runs.length === 1,
            both = r.onset > 0 && Boolean(data[i][`raw_${name}`]);
          const label =
            [
              one ? "" : r.label,
              raw ? "before FT" : both && one ? "after FT" : "",
              kinds ? kinds[k] : "",
              spread ? `${+name.slice(-2)} %` : one && name.endsWith("_q50") ? "median" : "",
            ]
              .filter(Boolean)
              .join(", ") || r.label;
          const bare = spread || !c.n.some((n) => n > 1);
          lines.push({
            run: r.id,
            name: raw + name,
            label,
            tag: raw ? "before" : lambda ? ["pos", "neg"][k] : kinds ? kinds[k] : both && one ? "after" : "",
            // A color is a run; where there is one run, that of positives or negatives.
            color: lambda && one ? kindColor(["pos", "neg"][k]) : spec.steps && one ? color(k) : color(r.index),
            dash: spec.steps && one ? dashes(k) : raw ? [6, 4] : spread ? [2, 3] : kinds && k ? [8, 3, 2, 3] : dashes(r.index),
            width: spread || raw ? 1.3 : 1.9,
            quiet: spread,
            ...c,
            x: c.step.map((v) => axis.to(r, v)),
            min: bare ? [] : c.min,
            max: bare ? [] : c.max,
            shown: smoothed(c.mean, name === "knn" || name === "lr" || spec.sparse ? 0 : settings.smooth.get(), log),
            sparse: name === "knn" || Boolean(spec.sparse),
          });
        }
      });
    });
    return lines;
  }

  function setAxis() {
    const list = possible(runs),
      names = { step: "by step", epoch: "by epoch", time: "by time" };
    if (axes.dataset.list !== list.join())
      axes.replaceChildren(...list.map((k) => h("option", { value: k }, names[k])));
    axes.dataset.list = list.join();
    axes.hidden = list.length < 2;
    axes.value = list.includes(settings.axis.get()) ? settings.axis.get() : "step";
    axis = xAxis(axes.value, runs);
  }

  function draw() {
    setAxis();
    const [low, high] = view();
    span.textContent = range
      ? `${axis.kind === "time" ? axis.title : `${axis.kind}s`} ${axis.number(low)} to ${axis.number(high)}`
      : "";
    key.replaceChildren(...runsKey(runs, marksOf(), settings.envelope.get()));
    for (const { chart, spec, parts } of shown.values()) {
      parts?.replaceChildren(...lineKey(spec, (name) => data[0]?.[name]?.step.length > 0));
      chart.setData(...given(spec));
    }
  }

  /** given returns the lines and options of a chart, in the colors of the theme. */
  function given(spec) {
    const [low, high] = view(),
      logX = settings.logX.get(),
      floor = axis.whole ? 1 : (high - low) / 1000;
    const logY = settings.logY.get() && positive(spec),
      settled = Math.max(0, ...runs.map((r) => filled(r) && axis.to(r, filled(r))));
    return [
      linesOf(spec, logY),
      {
        x: axis,
        range: [logX ? Math.max(floor, low) : low, Math.max(high, low + (axis.whole ? 1 : 1e-6))],
        logX,
        logY,
        linear: settings.logY.get() && !logY,
        envelope: settings.envelope.get(),
        marks: marksOf(),
        // A filling queue distorts scores, but neither k-NN nor the system.
        settled: spec.id === "knn" || spec.sparse || spec.group === "System and schedule" ? 0 : settled,
      },
    ];
  }

  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    async refresh(next) {
      runs = next;
      setAxis();
      if (runs.every((r) => r.series.length === 0)) arrange(true);
      if (range && filledOnce.size === 0) {
        // which charts have content is known when all steps are in view
        const zoomed = range;
        range = null;
        await fetchAll();
        range = zoomed;
      }
      await fetchAll();
    },
    close() {
      closed = true;
      window.removeEventListener("themechange", redraw);
      for (const { chart } of shown.values()) chart.close();
    },
  };
}

/** zoomOf returns the zoom of the address, or null. */
function zoomOf() {
  const [from, to] = [settings.from.get(), settings.to.get()].map((v) => (v === null || v === "" ? NaN : +v));
  return to > from ? [from, to] : null;
}

/** filled returns the step at which a queue has no random keys left; 0 without a queue. */
function filled(r) {
  const { mem, nce_k: k, batch_size: n, symmetric } = r.config ?? {};
  return mem === "moco" && k > 0 && n > 0 ? Math.ceil(k / (n * (symmetric === "true" ? 2 : 1))) : 0;
}

/**
 * smoothed returns the running mean whose weights fall by the factor w per point, with the
 * bias at the start corrected.
 */
export function smoothed(values, w, log) {
  let sum = 0,
    weight = 0;
  return values.map((v) => {
    if (v === null || (log && v <= 0)) return null;
    sum = w * sum + (1 - w) * v;
    weight = w * weight + (1 - w);
    return sum / weight;
  });
}
