// The tab with all curves: one chart per statistic. Charts zoom together.

import { getCurves } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { figure } from "./figure.js";
import { charts } from "./guide.js";
import { emptyPlot, lineChart } from "./linechart.js";
import { color, dashes } from "./palette.js";

const settings = { smooth: 0.6, logX: false, logY: false, envelope: true }; // kept while the page is open

export function curvesTab(first) {
  let runs = first, range = null, data = [], asked = 0, closed = false;
  const shown = new Map(); // by chart: { chart, spec }
  const box = (name, label) => h("label", { class: "check" }, h("input", { type: "checkbox", name, checked: settings[name], onchange: (e) => {
    settings[name] = e.target.checked;
    draw();
  } }), label);
  const smoothText = h("output", null, settings.smooth.toFixed(2));
  const smooth = h("input", { type: "range", name: "smooth", min: 0, max: 0.98, step: 0.02, value: settings.smooth, oninput: () => {
    settings.smooth = +smooth.value;
    smoothText.textContent = settings.smooth.toFixed(2);
    draw();
  } });
  const button = (label, text, go) => h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const span = h("output", { class: "span" });
  const toolbar = h("div", { class: "toolbar", role: "group", "aria-label": "Curves" },
    h("label", { class: "slider" }, "Smoothing", smooth, smoothText), box("envelope", "Range"), box("logY", "Log values"), box("logX", "Log steps"),
    h("span", { class: "zoom" }, span, button("Zoom in", "+", () => scaleBy(0.5)), button("Zoom out", "−", () => scaleBy(2)),
      button("Earlier", "←", () => shift(-1)), button("Later", "→", () => shift(1)), button("Show all", "All", () => zoom(null))));
  const grid = h("div", { class: "groups" });
  const el = h("div", { class: "curves" }, toolbar, grid);

  const all = () => [Math.min(...runs.map((r) => r.first)), Math.max(...runs.map((r) => r.last), 2)];
  const view = () => range ?? all();

  function zoom(from, to) {
    const [low, high] = all();
    if (from !== null) {
      const width = Math.max(4, Math.min(to - from, high - low));
      from = Math.max(low, Math.min(from, high - width));
      range = width >= high - low ? null : [Math.round(from), Math.round(from + width)];
    } else range = null;
    draw(); // immediately, with the data at hand; finer data follows
    fetchAll();
  }
  const scaleBy = (f) => {
    const [low, high] = view(), middle = (low + high) / 2;
    zoom(middle - ((high - low) * f) / 2, middle + ((high - low) * f) / 2);
  };
  const shift = (direction) => {
    const [low, high] = view(), by = (direction * (high - low)) / 2;
    zoom(low + by, high + by);
  };

  async function fetchAll() {
    const ticket = ++asked;
    const [from, to] = range ?? [0, 2 ** 31];
    const answers = await Promise.allSettled(runs.map((r) => (r.series.length ? getCurves(r.id, wanted(r), from, to, 400) : { curves: {} })));
    if (closed || ticket !== asked) return;
    data = answers.map((a) => (a.status === "fulfilled" ? a.value.curves : {}));
    draw();
  }

  /** wanted omits the raw_ series of runs without the transformation, because they are equal. */
  const wanted = (r) => r.series.map((s) => s.name).filter((n) => !n.startsWith("raw_") || r.onset > 0);

  function arrange() {
    const specs = charts(runs);
    const ids = specs.map((s) => s.id).join();
    if (grid.dataset.ids === ids && specs.length) return;
    grid.dataset.ids = ids;
    for (const { chart } of shown.values()) chart.close();
    shown.clear();
    grid.replaceChildren();
    if (specs.length === 0) grid.append(emptyPlot(runs.every((r) => r.results.length) ? "This run has no curves; its results are under Configuration." : "Nothing has been recorded yet. Curves appear with the first line of metrics.jsonl; --record adds the statistics of every step."));
    let last = null, row = null;
    for (const spec of specs) {
      if (spec.group !== last) {
        row = h("div", { class: "grid" });
        grid.append(h("section", null, h("h2", null, spec.group), row));
        last = spec.group;
      }
      const frame = figure({ id: spec.id, title: spec.title, unit: spec.axis, read: spec.read, svg: () => chart.svg(), csv: () => chart.csv() });
      row.append(frame.el);
      const chart = lineChart(frame.body, { title: spec.title, axis: spec.axis, say: frame.say, onZoom: zoom, sync: "curves" });
      shown.set(spec.id, { chart, spec });
    }
  }

  /** positive reports whether all values of a chart have a logarithm. */
  const positive = (spec) => runs.every((r, i) => spec.series.every((name) => ["", "raw_"].every((raw) => (data[i]?.[raw + name]?.min ?? []).every((v) => v === null || v > 0))));

  /** marksOf returns the steps at which something starts: a full queue, the feature transformation. */
  const marksOf = () => runs.flatMap((r) => [
    filled(r) > r.first && { step: filled(r), label: "queue full", color: null, dash: [1, 4] },
    r.onset > r.first && { step: r.onset, label: "FT", color: runs.length > 1 ? color(r.index) : null, dash: [5, 4] },
  ]).filter(Boolean);

  function linesOf(spec, log) {
    const lines = [];
    runs.forEach((r, i) => {
      spec.series.forEach((name, k) => {
        for (const raw of ["", "raw_"]) {
          const c = data[i]?.[raw + name];
          if (!c || c.step.length === 0) continue;
          const several = spec.id === "lambda", spread = spec.series.length > 1 && !several && k > 0;
          const label = [runs.length > 1 ? r.label : "", raw ? "before FT" : "", several ? (k ? "negatives" : "positives") : "", spread ? name.slice(-2) + " %" : ""].filter(Boolean).join(", ") || r.label;
          lines.push({
            run: r.id, name: raw + name, label, tag: raw ? "before" : several ? ["pos", "neg"][k] : runs.length > 1 ? "" : r.onset > 0 && data[i][`raw_${name}`] ? "after" : "",
            color: color(several ? 2 * i + k : r.index), dash: raw ? [6, 4] : spread ? [2, 3] : dashes(r.index), width: spread || raw ? 1.3 : 1.9,
            quiet: spread, ...c, min: spread || !c.n.some((n) => n > 1) ? [] : c.min, max: spread || !c.n.some((n) => n > 1) ? [] : c.max,
            shown: smoothed(c.mean, name === "knn" || name === "lr" ? 0 : settings.smooth, log), sparse: name === "knn",
          });
        }
      });
    });
    return lines;
  }

  function draw() {
    const [low, high] = view();
    const logX = settings.logX;
    span.textContent = range ? `steps ${count(low)} to ${count(high)}` : "";
    const marks = marksOf(), settled = Math.max(0, ...runs.map(filled));
    for (const { chart, spec } of shown.values()) {
      const logY = settings.logY && positive(spec);
      chart.setData(linesOf(spec, logY), { range: [logX ? Math.max(1, low) : low, Math.max(high, low + 1)], logX, logY, linear: settings.logY && !logY, envelope: settings.envelope, marks, settled: spec.series.includes("queue_fill") ? 0 : settled });
    }
  }

  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    async refresh(next) {
      runs = next;
      arrange();
      await fetchAll();
    },
    close() {
      closed = true;
      window.removeEventListener("themechange", redraw);
      for (const { chart } of shown.values()) chart.close();
    },
  };
}

/** filled returns the step at which a queue has no random keys left; 0 without a queue. */
function filled(r) {
  const { mem, nce_k: k, batch_size: n, symmetric } = r.config ?? {};
  return mem === "moco" && k > 0 && n > 0 ? Math.ceil(k / (n * (symmetric === "true" ? 2 : 1))) : 0;
}

/** smoothed returns the running mean whose weights fall by the factor w per point, with the bias at the start corrected. */
export function smoothed(values, w, log) {
  let sum = 0, weight = 0;
  return values.map((v) => {
    if (v === null || (log && v <= 0)) return null;
    sum = w * sum + (1 - w) * v;
    weight = w * weight + (1 - w);
    return sum / weight;
  });
}
