// Charts as files. SVGs have everything they need in attributes, so that they look
// the same in other programs.

import { s } from "./dom.js";
import { shortened } from "./format.js";
import { mark } from "./marks.js";
import { ink } from "./palette.js";

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** swatch draws what a line, an area or the mark of a class looks like, from x to x + 20 around y. */
export function swatch(x, y, { color, dash, fill, upright, mark: label }) {
  if (label !== undefined) return mark(label, x + 14, y, 4.4, { fill: color });
  if (fill) return s("rect", { x: x + 4, y: y - 5, width: 12, height: 10, rx: 2, fill: color });
  const line = { stroke: color, "stroke-width": 2, "stroke-dasharray": dash?.join(" ") || null };
  return upright
    ? s("line", { x1: x + 10, x2: x + 10, y1: y - 7, y2: y + 7, ...line })
    : s("line", { x1: x, x2: x + 20, y1: y, y2: y, ...line });
}

/**
 * sheet returns a chart as a picture that stands alone: with its title, what it shows (the
 * runs and the time) and its legend, above the chart. legend lists { label, color, dash,
 * fill, upright, mark }.
 */
export function sheet(chart, { title, about, legend = [] }) {
  const c = ink(),
    [, , w, height] = chart.getAttribute("viewBox").split(" ").map(Number);
  const head = s("g", { "font-size": 11, fill: c.text });
  head.append(s("text", { x: 16, y: 26, "font-size": 15, "font-weight": 600 }, title));
  let y = 44;
  if (about) head.append(s("text", { x: 16, y, fill: c.muted }, shortened(about, Math.floor((w - 32) / 5.6))));
  let x = 16;
  y += legend.length ? 20 : 0;
  for (const l of legend) {
    const label = shortened(l.label, 60),
      room = 44 + 6.1 * label.length;
    if (x > 16 && x + room > w) [x, y] = [16, y + 18];
    head.append(swatch(x, y - 4, l), s("text", { x: x + 27, y }, label));
    x += room;
  }
  const top = y + 8;
  for (const [k, v] of Object.entries({ x: 0, y: top, width: w, height })) chart.setAttribute(k, v);
  for (const el of [chart, ...chart.querySelectorAll("*")])
    for (const k of ["tabindex", "role", "class", "aria-label", "aria-roledescription"]) el.removeAttribute(k);
  return s(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${w} ${top + height}`,
      width: w,
      height: top + height,
      "font-family": "Inter, Helvetica, Arial, sans-serif",
    },
    s("title", null, title),
    s("rect", { width: w, height: top + height, fill: c.card }),
    head,
    chart,
  );
}

const text = (svg) => new XMLSerializer().serializeToString(svg);

export const saveSVG = (svg, name) => save(new Blob([text(svg)], { type: "image/svg+xml" }), `${name}.svg`);

export function savePNG(svg, name, scale = 2) {
  const [width, height] = ["width", "height"].map((k) => +svg.getAttribute(k));
  const image = new Image();
  const url = URL.createObjectURL(new Blob([text(svg)], { type: "image/svg+xml" }));
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = width * scale;
    canvas.height = height * scale;
    const g = canvas.getContext("2d");
    g.scale(scale, scale);
    g.drawImage(image, 0, 0);
    URL.revokeObjectURL(url);
    canvas.toBlob((blob) => save(blob, `${name}.png`));
  };
  image.src = url;
}

const quote = (v) => {
  const t = v === null || v === undefined ? "" : String(v);
  return /[",\n]/.test(t) ? `"${t.replaceAll('"', '""')}"` : t;
};

export const saveCSV = (rows, name) =>
  save(new Blob([rows.map((r) => r.map(quote).join(",")).join("\n") + "\n"], { type: "text/csv" }), `${name}.csv`);
