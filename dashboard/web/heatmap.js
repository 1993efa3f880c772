// Pictures of histograms over time: heat maps and ridgelines.

import { axes, colorBar, path, scale } from "./axes.js";
import { s } from "./dom.js";
import { count, number } from "./format.js";
import { heat, ink } from "./palette.js";

/**
 * trimmed removes bins at both ends that have less than a 500th of all scores, and
 * returns each row's densities. It also removes end bins beyond [-1, 1]: they collect
 * everything further out, and would look like a spike.
 */
export function trimmed(data) {
  const total = data.edges.slice(1).map((_, i) => data.rows.reduce((sum, row) => sum + row.counts[i], 0));
  const all = total.reduce((a, b) => a + b, 0);
  if (all === 0) return null;
  const low = data.edges[0] < -1 ? 1 : 0,
    high = total.length - (data.edges.at(-1) > 1 ? 2 : 1);
  let first = low,
    last = high;
  for (let sum = total[first]; sum < all / 500 && first < high; sum += total[first]) first++;
  for (let sum = total[last]; sum < all / 500 && last > first; sum += total[last]) last--;
  first = Math.max(low, first - 2);
  last = Math.min(high, last + 2);
  const edges = data.edges.slice(first, last + 2);
  const rows = data.rows.map((r) => {
    const counts = r.counts.slice(first, last + 1),
      sum = r.counts.reduce((a, b) => a + b, 0);
    return { step: r.step, n: r.n, counts, density: counts.map((c) => (sum ? c / sum / (edges[1] - edges[0]) : 0)) };
  });
  return { edges, rows };
}

/** usual returns the height of most rows. The spike of an untrained network would dwarf all others. */
export function usual(rows) {
  const tops = rows.map((r) => Math.max(...r.density)).sort((a, b) => a - b);
  return Math.min(tops.at(-1), 1.25 * tops[Math.floor(tops.length * 0.85)]) || 1;
}

/** rowAt returns the row that contains a step. */
export const rowAt = (d, step) =>
  d.rows[
    Math.max(
      0,
      d.rows.findLastIndex((r) => r.step <= step),
    )
  ];

/** densityAt returns the density of a row at a score; 0 beyond its bins. */
export const densityAt = (d, row, score) =>
  row.density[Math.floor((score - d.edges[0]) / (d.edges[1] - d.edges[0]))] ?? 0;

/**
 * heatMap draws steps from left to right, scores upwards, and density as brightness. The
 * options are title, low and high (scores), last (step), top (the brightest density), onset
 * (0: none), step (marked by a line; null: none) and unit (what is counted). It returns { svg, x, y }, with the scales.
 */
export function heatMap(d, w, { title, step, last, onset, low, high, top, unit = "score" }) {
  const height = 310,
    c = ink(),
    box = { left: 58, right: w - 62, top: 20, bottom: height - 44 };
  const canvas = document.createElement("canvas");
  canvas.width = d.rows.length;
  canvas.height = d.edges.length - 1;
  const g = canvas.getContext("2d"),
    pixels = g.createImageData(canvas.width, canvas.height);
  const bright = (v) => Math.sqrt(Math.max(0, v) / top); // the square root keeps thin tails visible
  d.rows.forEach((r, i) =>
    r.density.forEach((v, j) =>
      pixels.data.set([...heat(bright(v)), 255], 4 * ((canvas.height - 1 - j) * canvas.width + i)),
    ),
  );
  g.putImageData(pixels, 0, 0);
  const first = d.rows[0].step,
    x = scale(first, Math.max(last, first + 1), box.left, box.right),
    y = scale(low, high, box.bottom, box.top);
  // The run may end before others, and have scores in a smaller range.
  const end = Math.min(last, d.rows.at(-1).step + d.rows.at(-1).n - 1),
    right = x(Math.max(end, first + 1));
  const svg = s(
    "svg",
    {
      viewBox: `0 0 ${w} ${height}`,
      role: "img",
      "aria-label":
        `Heat map: ${title}, steps ${count(first)} to ${count(end)}, ` +
        `${unit}s ${number(d.edges[0], 2)} to ${number(d.edges.at(-1), 2)}`,
    },
    axes(box, x, y, { x: "step", y: unit, steps: true }),
    s("rect", {
      x: box.left,
      y: box.top,
      width: right - box.left,
      height: box.bottom - box.top,
      fill: `rgb(${heat(0)})`,
    }),
    s("image", {
      href: canvas.toDataURL(),
      x: box.left,
      y: y(d.edges.at(-1)),
      width: right - box.left,
      height: y(d.edges[0]) - y(d.edges.at(-1)),
      preserveAspectRatio: "none",
      "image-rendering": "pixelated",
    }),
    colorBar(box, top, bright, "density"),
  );
  const upright = (at, stroke, props) =>
    s("line", { x1: x(at), x2: x(at), y1: box.top, y2: box.bottom, stroke, ...props });
  if (onset > x.low && onset <= x.high) {
    // White on a dark line, which shows on bright and dark cells; the words are above the cells.
    svg.append(
      upright(onset, "#00224e", { "stroke-width": 4, "stroke-opacity": 0.75 }),
      upright(onset, "#ffffff", { "stroke-width": 1.6, "stroke-dasharray": "5 4" }),
      s(
        "text",
        {
          x: x(onset),
          y: box.top - 7,
          "font-size": 11,
          fill: c.text,
          "text-anchor": x(onset) > box.right - 60 ? "end" : "start",
        },
        "FT starts",
      ),
    );
  }
  if (step !== null)
    svg.append(
      upright(step, "#ffffff", { "stroke-width": 4, "stroke-opacity": 0.7 }),
      upright(step, c.accent, { "stroke-width": 2 }),
    );
  return { svg, x, y };
}

/**
 * ridges draws about twenty distributions, each a little below the one before. It takes the
 * options of heatMap, and a color.
 */
export function ridges(d, w, { title, step, color, low, high, top, unit = "score" }) {
  const tall = 64,
    most = 1.25; // pixels of the height top; a higher ridge is cut there
  const height = 360,
    c = ink(),
    box = { left: 58, right: w - 14, top: 14 + tall * most, bottom: height - 44 };
  const n = Math.min(20, d.rows.length);
  const x = scale(low, high, box.left, box.right),
    y = scale(0, 1, box.bottom, 14);
  const svg = s(
    "svg",
    { viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": `Ridgelines: ${title}, oldest at the top` },
    axes({ ...box, top: 14 }, x, y, { x: unit, y: null }),
    s(
      "text",
      {
        transform: `translate(14 ${(box.top + box.bottom) / 2}) rotate(-90)`,
        "text-anchor": "middle",
        "font-size": 11,
        fill: c.muted,
      },
      "step",
    ),
  );
  const chosen = step === null ? -1 : d.rows.findLastIndex((r) => r.step <= step);
  for (let i = 0; i < n; i++) {
    const at = n > 1 ? Math.round((i * (d.rows.length - 1)) / (n - 1)) : 0,
      row = d.rows[at];
    const y0 = box.top + ((box.bottom - box.top) * (n > 1 ? i : 1)) / Math.max(1, n - 1);
    const points = row.density.map((v, j) => [
      x((d.edges[j] + d.edges[j + 1]) / 2),
      y0 - Math.min(most, v / top) * tall,
    ]);
    const near = chosen >= 0 && Math.abs(at - chosen) <= d.rows.length / n / 2;
    svg.append(
      s("path", {
        d: `${path([[points[0][0], y0], ...points, [points.at(-1)[0], y0]])}Z`,
        fill: c.card,
        "fill-opacity": 0.7,
      }),
      s("path", {
        d: `${path(points)}`,
        fill: color,
        "fill-opacity": near ? 0.5 : 0.12,
        stroke: color,
        "stroke-width": near ? 2.2 : 1.2,
      }),
    );
    if (i % 4 === 0 || i === n - 1)
      svg.append(
        s(
          "text",
          { x: box.left - 8, y: y0 + 4, "font-size": 11, "text-anchor": "end", fill: c.muted },
          count(row.step),
        ),
      );
  }
  return { svg, x, y: null };
}
