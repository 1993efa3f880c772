// The legend of a map of images: a button for each class.

import { h, s } from "./dom.js";
import { mark } from "./marks.js";

const most = 40; // classes in the legend; others are found by name

/**
 * classLegend has a button for each class; pressing it picks the class. Of very many classes
 * it shows the picked ones, and those that are looked for. The host has name(label),
 * paint(label), picked() (a Set of labels) and pick(set).
 */
export function classLegend(host) {
  let labels = [],
    many = false;
  const find = h("input", {
    type: "search",
    placeholder: "Find a class",
    "aria-label": "Find a class",
    oninput: () => draw(),
  });
  const finder = h("div", { class: "find", hidden: true }, find);
  const list = h("ul", { class: "classes" });

  const button = (label) =>
    h(
      "button",
      {
        type: "button",
        "data-label": label,
        "aria-pressed": String(host.picked().has(label)),
        onclick: () => {
          const now = host.picked();
          if (!now.delete(label)) now.add(label);
          host.pick(now);
        },
      },
      s("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, mark(label, 6, 6, 4.4, { fill: host.paint(label) })),
      host.name(label),
    );

  function draw() {
    const had = document.activeElement?.closest?.(".classes button")?.dataset.label,
      picked = host.picked(),
      query = find.value.toLowerCase();
    finder.hidden = labels.length <= most;
    const wanted = labels
      .filter((l) => picked.has(l) || host.name(l).toLowerCase().includes(query))
      .sort((a, b) => picked.has(b) - picked.has(a));
    const note = (text) => h("li", { class: "note" }, text),
      more = wanted.length - most;
    list.replaceChildren(
      ...[
        many && note("Pick classes to color them:"),
        ...wanted.slice(0, most).map((label) => h("li", null, button(label))),
        more > 0 && note(`and ${more} more`),
      ].filter(Boolean),
    );
    if (had !== undefined) list.querySelector(`[data-label="${had}"]`)?.focus();
  }

  return {
    els: [finder, list],
    /** set shows the labels. If there are many, only picked ones have a color. */
    set(next, areMany) {
      [labels, many] = [next, areMany];
      draw();
    },
  };
}
