// Charts as files. SVGs have everything they need in attributes, so that they look
// the same in other programs.

import { ink } from "./palette.js";
import { s } from "./dom.js";

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** text returns the SVG as a file, on the page's background color. */
function text(svg) {
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const [, , w, height] = copy.getAttribute("viewBox").split(" ");
  copy.setAttribute("width", w);
  copy.setAttribute("height", height);
  copy.setAttribute("font-family", "Inter, Helvetica, Arial, sans-serif");
  for (const el of copy.querySelectorAll("[tabindex]")) el.removeAttribute("tabindex");
  copy.prepend(s("rect", { width: w, height, fill: ink().card }));
  return { source: new XMLSerializer().serializeToString(copy), width: +w, height: +height };
}

export const saveSVG = (svg, name) => save(new Blob([text(svg).source], { type: "image/svg+xml" }), `${name}.svg`);

export function savePNG(svg, name, scale = 2) {
  const { source, width, height } = text(svg);
  const image = new Image();
  const url = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
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

export const saveCSV = (rows, name) => save(new Blob([rows.map((r) => r.map(quote).join(",")).join("\n") + "\n"], { type: "text/csv" }), `${name}.csv`);
