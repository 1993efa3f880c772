// The tab with all other views below each other, for reading in one go and for paper.

import { curvesTab } from "./curves.js";
import { h } from "./dom.js";
import { embeddingTab } from "./embedding.js";
import { histogramsTab } from "./histograms.js";
import { settingsTab } from "./settings.js";
import { waterfallTab } from "./waterfall.js";

export function everythingTab(first) {
  const has = { Histograms: (r) => r.kinds.length > 0, "3-D": (r) => r.kinds.length > 0, Embedding: (r) => r.probe };
  const parts = [
    ["Curves", curvesTab],
    ["Histograms", histogramsTab],
    ["3-D", waterfallTab],
    ["Embedding", embeddingTab],
    ["Configuration", settingsTab],
  ]
    .filter(([title]) => !has[title] || first.some(has[title]))
    .map(([title, make]) => ({ title, tab: make(first) }));
  const el = h(
    "div",
    { class: "everything" },
    h(
      "div",
      { class: "toolbar print" },
      h("button", { type: "button", onclick: () => window.print() }, "Print or save as PDF"),
    ),
    parts.map(({ title, tab }) => h("section", { class: "part" }, h("h2", { class: "part-title" }, title), tab.el)),
  );
  return {
    el,
    refresh: (runs) => Promise.all(parts.map(({ tab }) => tab.refresh(runs))),
    close() {
      for (const { tab } of parts) tab.close();
    },
  };
}
