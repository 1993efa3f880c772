// The frame of a chart: title, values, how to read it, downloads.

import { h, setText } from "./dom.js";
import { saveCSV, savePNG, saveSVG } from "./download.js";

/**
 * figure makes a frame. svg() returns the chart as an SVG element, and csv() its
 * data as rows, the first with the names. Both are called when something is saved.
 */
export function figure({ id, title, unit, read, svg, csv }) {
  const readout = h("output", { class: "readout" });
  const body = h("div", { class: "plot" });
  const save = (kind, go) => h("button", { type: "button", "data-save": kind.toLowerCase(), onclick: () => {
    menu.open = false;
    menu.firstChild.focus();
    go();
  } }, kind);
  const name = () => `contralens-${id}`;
  const menu = h("details", { class: "menu" },
    h("summary", { "aria-label": `Download ${title}`, title: "Download" }, "↓"),
    h("div", null, save("SVG", () => saveSVG(svg(), name())), save("PNG", () => savePNG(svg(), name())), save("CSV", () => saveCSV(csv(), name()))));
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", (e) => {
    if (e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
  });
  const how = h("details", { class: "how" }, h("summary", null, "How to read this", h("span", { class: "hidden" }, `: ${title}`)), h("p", null, read));
  const el = h("figure", { class: "chart", "data-chart": id },
    h("figcaption", null, h("h3", null, title), readout, menu), unit && unit !== title && h("p", { class: "unit" }, unit), body, how);
  return { el, body, say: (text) => setText(readout, text) };
}
