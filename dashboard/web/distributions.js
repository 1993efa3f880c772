// The distributions of scores at one time: positives and negatives of a run, or the same
// kind of several runs over each other.

import { axes, path, scale } from "./axes.js";
import { s } from "./dom.js";
import { ink } from "./palette.js";

/**
 * distributions draws panels side by side, or below each other if narrow, with equal axes. A
 * panel has a title and curves: { label, color, dash, fill, edges, density }.
 */
export function distributions(panels, w) {
  const beside = panels.length > 1 && w > 720 ? panels.length : 1,
    below = Math.ceil(panels.length / beside);
  const one = w / beside,
    tall = 280,
    c = ink();
  const curves = panels.flatMap((p) => p.curves);
  const low = Math.min(...curves.map((k) => k.edges[0])),
    high = Math.max(...curves.map((k) => k.edges.at(-1)));
  const top = Math.max(...curves.flatMap((k) => k.density)) || 1;
  const svg = s("svg", {
    viewBox: `0 0 ${w} ${below * tall}`,
    role: "img",
    "aria-label": `Distributions of scores: ${curves.map((k) => k.label).join(", ")}`,
  });
  panels.forEach((panel, i) => {
    const left = (i % beside) * one,
      y0 = Math.floor(i / beside) * tall;
    const box = { left: 58, right: one - 14, top: panel.title ? 26 : 12, bottom: tall - 44 };
    const x = scale(low, high, box.left, box.right),
      y = scale(0, top * 1.05, box.bottom, box.top);
    const g = s("g", { transform: `translate(${left} ${y0})` }, axes(box, x, y, { x: "score", y: "density" }));
    if (panel.title)
      g.append(s("text", { x: box.left, y: 16, "font-size": 12, "font-weight": 600, fill: c.text }, panel.title));
    for (const k of panel.curves) {
      const points = k.density.map((v, j) => [x((k.edges[j] + k.edges[j + 1]) / 2), y(v)]);
      if (k.fill)
        g.append(
          s("path", {
            d: `${path([[points[0][0], y(0)], ...points, [points.at(-1)[0], y(0)]])}Z`,
            fill: k.color,
            "fill-opacity": panels.length > 1 ? 0.1 : 0.22,
          }),
        );
      g.append(
        s("path", {
          d: path(points),
          fill: "none",
          stroke: k.color,
          "stroke-width": k.fill ? 2 : 1.5,
          "stroke-dasharray": k.dash ? k.dash.join(" ") : null,
          "stroke-linejoin": "round",
        }),
      );
    }
    svg.append(g);
  });
  return svg;
}

/** legendOf returns the curves of all panels without repetitions, for a legend. */
export const legendOf = (panels) =>
  panels
    .flatMap((p) => p.curves)
    .filter((k, i, list) => list.findIndex((o) => o.label === k.label) === i)
    .map(({ label, color, dash }) => ({ label, color, dash }));
