// Histograms over time that are not of scores: those that another program recorded under a
// name of its own, such as TensorBoard's. Each has axes of its own.

import { getHistogram } from "./api.js";
import { h } from "./dom.js";
import { figure } from "./figure.js";
import { read } from "./guide.js";
import { heatMap, ridges, trimmed, usual } from "./heatmap.js";
import { color } from "./palette.js";

const head = ["histogram", "step", "from", "to", "count"];

/** tagHistograms shows the kinds of runs that known does not have. style() is heat or ridges. */
export function tagHistograms(known, style) {
  const el = h("div", { class: "tags" });
  let shown = []; // { run, kind, data, frame }

  function draw() {
    for (const { run, data, frame, kind } of shown) {
      const w = Math.max(260, frame.body.clientWidth);
      frame.body.replaceChildren(picture(run, kind, data, w));
    }
  }

  const picture = (run, kind, data, w) => (style() === "heat" ? heatMap : ridges)(data, w, {
    title: kind, unit: "value", step: null, last: Math.max(run.last, data.rows.at(-1).step), onset: 0, low: data.edges[0], high: data.edges.at(-1), top: usual(data.rows), color: color(run.index),
  }).svg;

  return {
    el,
    draw,
    /** load requests the histograms, and returns whether there are any. */
    async load(runs) {
      const wanted = runs.flatMap((run) => run.kinds.filter((kind) => !known[kind]).map((kind) => ({ run, kind })));
      const answers = await Promise.allSettled(wanted.map(({ run, kind }) => getHistogram(run.id, kind, 0, 2 ** 31, 120)));
      const next = wanted.map((w, i) => ({ ...w, data: answers[i].status === "fulfilled" ? trimmed(answers[i].value) : null })).filter((w) => w.data);
      const ids = next.map((w) => `${w.run.id} ${w.kind}`).join("\n");
      if (el.dataset.ids === ids) shown = shown.map((s, i) => Object.assign(s, next[i]));
      else {
        el.dataset.ids = ids;
        shown = next.map((w, i) => {
          const entry = { ...w };
          entry.frame = figure({ id: `other-${i + 1}`, title: runs.length > 1 ? `${w.kind}: ${w.run.label}` : w.kind, read: read.tags, runs: () => [entry.run.label],
            csv: () => [head, ...entry.data.rows.flatMap((r) => r.counts.map((c, j) => [entry.kind, r.step, entry.data.edges[j], entry.data.edges[j + 1], c]))],
            picture: () => ({ chart: picture(entry.run, entry.kind, entry.data, 720) }) });
          return entry;
        });
        el.replaceChildren(...(shown.length ? [h("h2", { class: "of" }, "Other histograms"), h("div", { class: "grid wide" }, shown.map((s) => s.frame.el))] : []));
      }
      draw();
      return shown.length > 0;
    },
  };
}
