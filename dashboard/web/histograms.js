// The tab with histograms over time, as heat maps or ridgelines, and the distributions at
// the selected step before and after the feature transformation. Several runs are below
// each other, with equal axes.

import { setting } from "./address.js";
import { getHistogram } from "./api.js";
import { distributions, legendOf } from "./distributions.js";
import { h, s } from "./dom.js";
import { swatch } from "./download.js";
import { figure } from "./figure.js";
import { count, number } from "./format.js";
import { read } from "./guide.js";
import { densityAt, heatMap, ridges, rowAt, trimmed, usual } from "./heatmap.js";
import { emptyPlot } from "./linechart.js";
import { color, dashes, kindColor } from "./palette.js";
import { tagHistograms } from "./tags.js";
import { temperature } from "./temperature.js";

export const kindTitle = {
  pos: "Positives",
  neg: "Negatives",
  raw_pos: "Positives before FT",
  raw_neg: "Negatives before FT",
};
const settings = {
  style: setting("style", "heat", { valid: (v) => ["heat", "ridges"].includes(v), lasting: true }),
  before: setting("before", false, { lasting: true }),
  time: setting("time", 0), // a step; 0: the last one
};

export function histogramsTab(first) {
  let runs = first,
    data = [],
    closed = false,
    asked = 0;
  const radio = (value, label) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "radio",
        name: "style",
        value,
        checked: settings.style.get() === value,
        onchange: () => {
          settings.style.set(value);
          draw();
        },
      }),
      label,
    );
  const before = h(
    "label",
    { class: "check" },
    h("input", {
      type: "checkbox",
      name: "before",
      checked: settings.before.get(),
      onchange: (e) => {
        settings.before.set(e.target.checked);
        draw();
      },
    }),
    "Before FT",
  );
  const slider = h("input", {
    type: "range",
    name: "time",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Time",
    oninput: () => choose(lead().rows[+slider.value].step),
  });
  const time = h("output");
  const toolbar = h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Histograms" },
    radio("heat", "Heat map"),
    radio("ridges", "Ridgelines"),
    before,
  );
  const play = h("label", { class: "slider time" }, h("span", { class: "row" }, "Time", time), slider);
  const tip = h("div", { class: "values", hidden: true, "aria-hidden": "true" });
  const frames = new Map(); // by chart: { frame, run, side, drawn }
  const maps = h("div");
  const now = figure({
    id: "distribution",
    title: "Distributions",
    read: read.distribution,
    csv: () => table(),
    runs: () => runs.map((r) => r.label),
    picture: () => ({ chart: distributions(panels(), 720), legend: legendOf(panels()), about: time.textContent }),
  });
  const key = h("ul", { class: "key", "aria-label": "Legend" });
  now.body.before(key);
  const none = h("div", { hidden: true });
  const tau = temperature();
  const tags = tagHistograms(kindTitle, () => settings.style.get());
  const el = h(
    "div",
    { class: "histograms" },
    toolbar,
    none,
    h("div", { class: "content" }, maps, play, now.el, tau.el),
    tags.el,
  );

  /** arrange makes a frame for positives and one for negatives of each run that has them. */
  function arrange() {
    const want = runs.flatMap((r, i) =>
      ["pos", "neg"]
        .filter((side) => data[i]?.[side])
        .map((side) => ({ id: runs.length > 1 && i > 0 ? `${side}-${i + 1}` : side, i, side })),
    );
    const ids = want.map((w) => `${w.id} ${runs[w.i].label}`).join();
    if (maps.dataset.ids === ids) return;
    maps.dataset.ids = ids;
    frames.clear();
    maps.replaceChildren(
      ...runs.map((r, i) =>
        h(
          "section",
          null,
          runs.length > 1 && h("h2", { class: "of" }, r.label),
          h(
            "div",
            { class: "grid wide" },
            want
              .filter((w) => w.i === i)
              .map(({ id, side }) => {
                const entry = {
                  i,
                  side,
                  frame: figure({
                    id,
                    title: `${kindTitle[side]} over time`,
                    read: settings.style.get() === "heat" ? read.heat : read.ridges,
                    runs: () => [r.label],
                    csv: () => rowsOf(shownKind(entry), shown(entry), shown(entry).rows),
                    picture: () => ({
                      chart: draws(entry, 720, null).svg,
                      about: shownKind(entry).startsWith("raw_") ? "before FT" : "",
                    }),
                  }),
                };
                frames.set(id, entry);
                touch(entry);
                return entry.frame.el;
              }),
          ),
        ),
      ),
    );
  }

  async function load() {
    const ticket = ++asked;
    const answers = await Promise.all(
      runs.map(async (r) => {
        const kinds = r.kinds.filter((k) => kindTitle[k] && (r.onset > 0 || !k.startsWith("raw_")));
        const got = await Promise.allSettled(kinds.map((k) => getHistogram(r.id, k, 0, 2 ** 31, 120)));
        const d = {};
        got.forEach((a, i) => {
          const t = a.status === "fulfilled" && trimmed(a.value);
          if (t) d[kinds[i]] = Object.assign(t, { whole: a.value });
        });
        return d;
      }),
    );
    const others = await tags.load(runs);
    if (closed || ticket !== asked) return;
    data = answers;
    const any = data.some((d) => d.pos || d.neg);
    none.hidden = any || others;
    el.querySelector(".content").hidden = !any;
    if (!any) {
      before.hidden = true;
      none.replaceChildren(
        emptyPlot(
          runs.some((r) => r.kinds.length)
            ? "The first histograms are being written."
            : "There are no histograms. Train with --record for those of every step, " +
                "or with --save_score for the positives.",
        ),
      );
      return;
    }
    before.hidden = !data.some((d) => d.raw_pos || d.raw_neg);
    arrange();
    draw();
  }

  /** lead is the histogram that goes furthest; the slider has its steps. */
  const lead = () =>
    data
      .map((d) => d.pos ?? d.neg)
      .filter(Boolean)
      .reduce((a, b) => (b.rows.at(-1).step > a.rows.at(-1).step ? b : a));
  const last = () => Math.max(...runs.map((r) => r.last));
  const at = () => settings.time.get() || lead().rows.at(-1).step;

  function choose(step) {
    settings.time.set(step >= lead().rows.at(-1).step ? 0 : step);
    draw();
  }

  const shownKind = ({ i, side }) => (settings.before.get() && data[i][`raw_${side}`] ? `raw_${side}` : side);
  const shown = (entry) => data[entry.i][shownKind(entry)];

  /** draws returns the picture of a frame. All have the same axes, and all of a side the same brightness. */
  function draws(entry, w, step) {
    const all = [...frames.values()],
      d = shown(entry),
      kind = shownKind(entry),
      r = runs[entry.i];
    return (settings.style.get() === "heat" ? heatMap : ridges)(d, w, {
      title: kindTitle[kind],
      step,
      last: last(),
      onset: r.onset > 0 && !kind.startsWith("raw_") ? r.onset : 0,
      low: Math.min(...all.map((e) => shown(e).edges[0])),
      high: Math.max(...all.map((e) => shown(e).edges.at(-1))),
      top: Math.max(...all.filter((e) => e.side === entry.side).map((e) => usual(shown(e).rows))),
      color: runs.length > 1 ? color(r.index) : kindColor(kind),
    });
  }

  function draw() {
    tags.draw();
    if (!data.some((d) => d.pos || d.neg)) return;
    const rows = lead().rows,
      row = rowAt(lead(), at());
    for (const entry of frames.values()) {
      const { body, say } = entry.frame;
      entry.drawn = draws(entry, Math.max(260, body.clientWidth), rowAt(shown(entry), at()).step);
      body.replaceChildren(entry.drawn.svg, ...(body.contains(tip) ? [tip] : []));
      const kind = shownKind(entry);
      say(kind.startsWith("raw_") ? "before FT" : data[entry.i][`raw_${kind}`] ? "after FT" : "");
    }
    slider.max = rows.length - 1;
    slider.value = rows.indexOf(row);
    const end = Math.min(last(), row.step + row.n - 1),
      text = end > row.step ? `steps ${count(row.step)} to ${count(end)}` : `step ${count(row.step)}`;
    time.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    key.replaceChildren(
      ...legendOf(panels()).map((l) =>
        h("li", null, s("svg", { width: 20, height: 14, "aria-hidden": "true" }, swatch(0, 7, l)), l.label),
      ),
    );
    if (runs.length === 1 && data[0].pos && data[0].neg) {
      const [pos, neg] = ["pos", "neg"].map((k) => data[0][k].whole);
      tau.show(
        runs[0],
        { edges: pos.edges, counts: rowAt(pos, at()).counts },
        { edges: neg.edges, counts: rowAt(neg, at()).counts },
      );
    } else tau.hide();
    now.body.replaceChildren(distributions(panels(), Math.max(260, now.body.clientWidth)));
    now.say(text);
  }

  /**
   * panels lists the distributions at the selected step: all kinds of one run, or positives
   * and negatives of several runs.
   */
  function panels() {
    const curve = (i, kind, label, paint, dash) => {
      const d = data[i][kind];
      return {
        label,
        color: paint,
        dash: kind.startsWith("raw_") ? [5, 4] : dash,
        fill: !kind.startsWith("raw_"),
        edges: d.edges,
        density: rowAt(d, at()).density,
      };
    };
    if (runs.length === 1)
      return [
        {
          title: "",
          curves: Object.keys(data[0]).map((kind) => curve(0, kind, kindTitle[kind], kindColor(kind), null)),
        },
      ];
    return ["pos", "neg"]
      .map((side) => ({
        title: kindTitle[side],
        curves: runs.flatMap((r, i) =>
          [side, ...(settings.before.get() ? [`raw_${side}`] : [])]
            .filter((kind) => data[i][kind])
            .map((kind) =>
              curve(i, kind, kind === side ? r.label : `${r.label}, before FT`, color(r.index), dashes(r.index)),
            ),
        ),
      }))
      .filter((p) => p.curves.length);
  }

  /** touch lets the pointer choose the time in a heat map, and shows the density below it. */
  function touch(entry) {
    const { body } = entry.frame;
    body.classList.add("timed");
    const place = (e) => {
      const { svg, x, y } = entry.drawn ?? {},
        box = svg?.getBoundingClientRect();
      if (!y || !box.width) return null;
      const k = svg.viewBox.baseVal.width / box.width,
        step = x.invert((e.clientX - box.left) * k),
        score = y.invert((e.clientY - box.top) * k);
      return step < x.low || step > x.high || score < y.low || score > y.high ? null : { step, score };
    };
    body.addEventListener("pointerdown", (e) => {
      const p = place(e);
      if (p) choose(rowAt(lead(), p.step).step);
    });
    body.addEventListener("pointermove", (e) => {
      const p = place(e);
      tip.hidden = !p;
      if (!p) return;
      if (e.buttons === 1) choose(rowAt(lead(), p.step).step);
      const d = shown(entry),
        row = rowAt(d, p.step),
        box = body.getBoundingClientRect(),
        left = e.clientX - box.left;
      tip.replaceChildren(
        h("div", { class: "at" }, `${row.n > 1 ? "from " : ""}step ${count(row.step)}, score ${number(p.score, 2)}`),
        h("b", null, `density ${number(densityAt(d, row, p.score), 3)}`),
      );
      if (!body.contains(tip)) body.append(tip);
      tip.style.left = `${left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12}px`;
      tip.style.top = `${Math.max(0, e.clientY - box.top - 48)}px`;
    });
    body.addEventListener("pointerleave", () => {
      tip.hidden = true;
    });
  }

  const table = () => [
    head,
    ...runs.flatMap((r, i) =>
      Object.entries(data[i]).flatMap(([kind, d]) =>
        rowsOf(kind, d, [rowAt(d, at())], runs.length > 1 ? r.label : "").slice(1),
      ),
    ),
  ];

  let width = 0;
  const watch = new ResizeObserver(() => {
    if (el.clientWidth !== width) draw(); // drawing changes the height
    width = el.clientWidth;
  });
  watch.observe(el);
  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    refresh(next) {
      runs = next;
      return load();
    },
    close() {
      closed = true;
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}

const head = ["histogram", "step", "from", "to", "count"];
/** rowsOf returns histograms as rows of a table; a run's name goes before the kind. */
const rowsOf = (kind, d, rows, run = "") => [
  head,
  ...rows.flatMap((r) =>
    r.counts.map((c, i) => [
      run ? `${run} ${kind}` : kind,
      r.step,
      +d.edges[i].toPrecision(6),
      +d.edges[i + 1].toPrecision(6),
      c,
    ]),
  ),
];
