// The frame of a chart: title, values, how to read it, downloads.

import { h } from "./dom.js";
import { saveCSV, savePNG, saveSVG, sheet } from "./download.js";
import { inTheme } from "./palette.js";

/**
 * figure makes a frame. picture() returns the chart for a file: { chart, about, legend,
 * heading }, an SVG element, what it shows beside the runs, the legend for download.js, and
 * the title if it is another one. csv() returns its data as rows, the first with the names.
 * Both are called when something is saved. runs() returns the labels of the runs in the chart, which name the file.
 */
export function figure({ id, title, unit, read, picture, csv, runs }) {
  const readout = h("output", { class: "readout" });
  const body = h("div", { class: "plot" });
  const dark = h("input", { type: "checkbox", name: "dark" });
  const save = (kind, go) =>
    h(
      "button",
      {
        type: "button",
        "data-save": kind.toLowerCase(),
        onclick: () => {
          menu.open = false;
          menu.firstChild.focus();
          go();
        },
      },
      kind,
    );
  const name = () => `contralens-${fileName(runs())}-${id}`;
  const drawn = () =>
    inTheme(dark.checked ? "dark" : "light", () => {
      const { chart, about = "", legend, heading = title } = picture();
      return sheet(chart, { title: heading, about: [runs().join(", "), about].filter(Boolean).join(" · "), legend });
    });
  const menu = h(
    "details",
    { class: "menu" },
    h("summary", { "aria-label": `Download ${title}`, title: "Download" }, "↓"),
    h(
      "div",
      null,
      save("SVG", () => saveSVG(drawn(), name())),
      save("PNG", () => savePNG(drawn(), name())),
      save("CSV", () => saveCSV(csv(), name())),
      h("label", { class: "check" }, dark, "Dark"),
    ),
  );
  menu.addEventListener("keydown", (e) => {
    if (e.key !== "Escape") return;
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", (e) => {
    if (e.relatedTarget && !menu.contains(e.relatedTarget)) menu.open = false;
  });
  const how = h(
    "details",
    { class: "how" },
    h("summary", null, "How to read this", h("span", { class: "hidden" }, `: ${title}`)),
    h("p", null, read),
  );
  const el = h(
    "figure",
    { class: "chart", "data-chart": id },
    h("figcaption", null, h("h3", null, title), readout, menu),
    unit && unit !== title && h("p", { class: "unit" }, unit),
    body,
    how,
  );
  let said = null;
  /** say shows text, or a list of texts and elements, beside the title. */
  const say = (content) => {
    if (typeof content === "string" && content === said) return; // screen readers would repeat it
    said = content;
    readout.replaceChildren(...[content].flat());
  };
  return { el, body, say };
}

/** fileName is the runs' part of the name of a file, without what file systems forbid. */
function fileName(labels) {
  const name = (list) => list.map((l) => l.replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 60)).join("+");
  return labels.length > 2 ? `${name(labels.slice(0, 1))}+${labels.length - 1}-more` : name(labels);
}
