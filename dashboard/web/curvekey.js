// The legends of curves: of all charts, and of one whose lines are parts of something.

import { h, s } from "./dom.js";
import { swatch } from "./download.js";
import { color, dashes, ink } from "./palette.js";

const item = (look, label) =>
  h("li", null, s("svg", { width: 20, height: 14, "aria-hidden": "true" }, swatch(0, 7, look)), label);

/** runsKey explains colors, dashes and vertical lines of all charts. */
export function runsKey(runs, marks, envelope) {
  const c = ink(),
    has = (label) => marks.some((m) => m.label === label);
  return [
    ...(runs.length > 1 ? runs.map((r) => item({ color: color(r.index), dash: dashes(r.index) }, r.label)) : []),
    runs.some((r) => r.onset > 0) && item({ color: c.muted, dash: [6, 4] }, "before FT"),
    has("FT") && item({ color: c.muted, dash: [5, 4], upright: true }, "the feature transformation (FT) starts"),
    has("queue full") && item({ color: c.muted, dash: [1, 4], upright: true }, "the queue is full"),
    envelope && item({ fill: true, color: c.edge }, "smallest to largest value"),
  ].filter(Boolean);
}

/** lineKey names the lines of a chart of one run, those that there(name) has. */
export const lineKey = (spec, there) =>
  spec.series
    .map((name, k) => there(name) && item({ color: color(k), dash: dashes(k) }, spec.kinds[k]))
    .filter(Boolean);
