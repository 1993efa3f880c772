// Scales and axes for charts drawn as SVG.

import { s } from "./dom.js";
import { number, short, tick } from "./format.js";
import { heat, ink } from "./palette.js";

/** scale maps low … high to from … to. Log scales need low > 0. */
export function scale(low, high, from, to, log = false) {
  const f = log ? Math.log10 : (v) => v;
  const a = f(low),
    span = f(high) - a || 1;
  const map = (v) => from + ((f(v) - a) / span) * (to - from);
  map.low = low;
  map.high = high;
  map.log = log;
  map.invert = (p) => {
    const v = a + ((p - from) / (to - from)) * span;
    return log ? 10 ** v : v;
  };
  return map;
}

/** ticks returns about n round values from low to high, as { value, text }. Those of whole have no fractions. */
export function ticks(low, high, n = 5, { log = false, whole = false } = {}) {
  if (log) {
    const list = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      if (10 ** e >= low && 10 ** e <= high) list.push(10 ** e);
    const every = Math.ceil(list.length / n);
    if (list.length > 1) return list.filter((_, i) => i % every === 0).map((value) => ({ value, text: number(value) }));
  }
  const raw = (high - low || 1) / n,
    power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].find((m) => m * power >= raw * 0.999) * power;
  if (whole) step = Math.max(1, step);
  const list = [];
  for (let k = Math.ceil(low / step - 1e-9) + 0; k * step <= high + step * 1e-9; k++)
    list.push({ value: k * step, text: whole ? short(k * step) : tick(k * step, step) });
  return list;
}

/** axes draws both axes, with grid lines and titles, around the box {left, top, right, bottom}. */
export function axes(box, x, y, titles) {
  const c = ink();
  const g = s("g", { "font-size": 11, fill: c.muted });
  for (const { value, text } of ticks(x.low, x.high, Math.max(3, Math.floor((box.right - box.left) / 80)), {
    log: x.log,
    whole: titles.steps,
  })) {
    g.append(
      s("line", { x1: x(value), x2: x(value), y1: box.top, y2: box.bottom, stroke: c.line }),
      s("text", { x: x(value), y: box.bottom + 16, "text-anchor": "middle" }, text),
    );
  }
  for (const { value, text } of titles.y === null
    ? []
    : ticks(y.low, y.high, Math.max(3, Math.floor((box.bottom - box.top) / 44)), { log: y.log })) {
    g.append(
      s("line", { x1: box.left, x2: box.right, y1: y(value), y2: y(value), stroke: c.line }),
      s("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, text),
    );
  }
  g.append(s("text", { x: (box.left + box.right) / 2, y: box.bottom + 34, "text-anchor": "middle" }, titles.x));
  if (titles.y)
    g.append(
      s(
        "text",
        { transform: `translate(14 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
        titles.y,
      ),
    );
  return g;
}

/**
 * colorBar draws the colors of a heat map between the heights of box at its right edge, from 0
 * to top. at maps 0 … top to 0 … 1.
 */
export function colorBar(box, top, at, title) {
  const c = ink(),
    x = box.right + 12,
    w = 10,
    height = box.bottom - box.top,
    n = 40;
  const g = s("g", { "font-size": 11, fill: c.muted, class: "colors" });
  for (let i = 0; i < n; i++)
    g.append(
      s("rect", {
        x,
        y: box.bottom - ((i + 1) * height) / n,
        width: w,
        height: height / n + 0.5,
        fill: `rgb(${heat((i + 0.5) / n)})`,
      }),
    );
  for (const { value, text } of ticks(0, top, 4))
    g.append(s("text", { x: x + w + 5, y: Math.max(box.top + 8, box.bottom - at(value) * height + 3) }, text));
  g.append(
    s(
      "text",
      { transform: `translate(${x + w + 34} ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" },
      title,
    ),
  );
  return g;
}

/** path connects points [x, y]; null is a gap. */
export function path(points) {
  let d = "",
    pen = "M";
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
