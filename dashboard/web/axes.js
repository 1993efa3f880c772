// Scales and axes for charts drawn as SVG.

import { s } from "./dom.js";
import { number, short } from "./format.js";
import { ink } from "./palette.js";

/** scale maps low … high to from … to. Log scales need low > 0. */
export function scale(low, high, from, to, log = false) {
  const f = log ? Math.log10 : (v) => v;
  const a = f(low), span = f(high) - a || 1;
  const map = (v) => from + ((f(v) - a) / span) * (to - from);
  map.low = low;
  map.high = high;
  map.log = log;
  return map;
}

/** ticks returns about n round values from low to high. */
function ticks(low, high, n = 5, log = false) {
  const list = [];
  if (log) {
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++) if (10 ** e >= low && 10 ** e <= high) list.push(10 ** e);
    if (list.length > 1) return list;
    list.length = 0;
  }
  const raw = (high - low || 1) / n, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((m) => m * power >= raw) * power;
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-9; v += step) list.push(Math.abs(v) < step * 1e-9 ? 0 : +v.toPrecision(12));
  return list;
}

/** axes draws both axes, with grid lines and titles, around the box {left, top, right, bottom}. */
export function axes(box, x, y, titles) {
  const c = ink();
  const g = s("g", { "font-size": 11, fill: c.muted });
  for (const v of ticks(x.low, x.high, Math.max(2, Math.floor((box.right - box.left) / 90)), x.log)) {
    g.append(s("line", { x1: x(v), x2: x(v), y1: box.top, y2: box.bottom, stroke: c.line }),
      s("text", { x: x(v), y: box.bottom + 16, "text-anchor": "middle" }, titles.steps ? short(v) : number(v)));
  }
  for (const v of ticks(y.low, y.high, Math.max(2, Math.floor((box.bottom - box.top) / 48)), y.log)) {
    g.append(s("line", { x1: box.left, x2: box.right, y1: y(v), y2: y(v), stroke: c.line }),
      s("text", { x: box.left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v)));
  }
  g.append(s("text", { x: (box.left + box.right) / 2, y: box.bottom + 34, "text-anchor": "middle" }, titles.x),
    s("text", { transform: `translate(14 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, titles.y));
  return g;
}

/** path connects points [x, y]; null is a gap. */
export function path(points) {
  let d = "", pen = "M";
  for (const p of points) {
    if (!p || !Number.isFinite(p[1])) {
      pen = "M";
      continue;
    }
    d += `${pen}${p[0].toFixed(1)} ${p[1].toFixed(1)}`;
    pen = "L";
  }
  return d;
}
