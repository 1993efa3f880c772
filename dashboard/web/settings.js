// The configuration of the runs, with different options highlighted.

import { h } from "./dom.js";
import { fixed } from "./format.js";

const places = new Set(["name", "model_path", "tb_path", "overwrite", "resume"]); // where the run is stored, not what it computes

export function settingsTab(first) {
  const el = h("div", { class: "settings" });
  let only = first.length > 1, query = "", text = "";

  function draw(runs) {
    const keys = [...new Set(runs.flatMap((r) => Object.keys(r.config ?? {})))].sort();
    const value = (r, k) => r.config?.[k] ?? "";
    const differs = (k) => !places.has(k) && runs.some((r) => value(r, k) !== value(runs[0], k));
    const body = h("tbody");
    const rows = () => {
      const shown = keys.filter((k) => k.toLowerCase().includes(query.toLowerCase()) && (!only || differs(k)));
      body.replaceChildren(...shown.map((k) => h("tr", { class: differs(k) ? "differs" : null },
        h("th", { scope: "row" }, k, differs(k) && h("span", { class: "hidden" }, " (differs)")), runs.map((r) => h("td", null, value(r, k) || "–")))));
      if (shown.length === 0) body.append(h("tr", null, h("td", { colspan: runs.length + 1 }, only && runs.length > 1 && !query ? "The runs have the same options." : "No matching option.")));
    };
    const tools = h("div", { class: "toolbar", role: "group", "aria-label": "Options" },
      h("input", { type: "search", placeholder: "Find an option", "aria-label": "Find an option", value: query, oninput: (e) => {
        query = e.target.value;
        rows();
      } }),
      runs.length > 1 && h("label", { class: "check" }, h("input", { type: "checkbox", name: "only", checked: only, onchange: (e) => {
        only = e.target.checked;
        rows();
      } }), "Only differences"));
    rows();
    const options = keys.length
      ? [tools, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Options of the runs" }, h("table", { class: "options" },
        h("thead", null, h("tr", null, h("th", { scope: "col" }, "Option"), runs.map((r) => h("th", { scope: "col" }, runs.length > 1 ? r.label : "Value")))), body))]
      : [h("p", { class: "empty" }, "There is no run.json: the run is from another program, which does not record its options.")];
    el.replaceChildren(h("section", null, h("h2", null, "Options"), options), ...runs.map(environment), ...runs.map(results));
  }

  const environment = (r) => (r.environment.length ? h("section", null, h("h2", null, r.index || first.length > 1 ? `Environment: ${r.label}` : "Environment"),
    h("dl", { class: "environment" }, r.environment.map((e) => h("div", null, h("dt", null, e.name), h("dd", null, e.name === "Command" ? h("code", null, e.value) : e.value))))) : "");

  const results = (r) => (r.results.length ? h("section", null, h("h2", null, first.length > 1 ? `Results: ${r.label}` : "Results"),
    h("table", { class: "options" }, h("thead", null, h("tr", null, ["Protocol", "Epoch", "Top-1", "Dataset"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, r.results.map((x) => h("tr", null, h("td", null, x.protocol ?? "–"), h("td", null, String(x.epoch ?? "–")), h("td", null, x.metrics?.top1 === undefined ? "–" : `${fixed(x.metrics.top1, 2)} %`), h("td", null, x.dataset ?? "–")))))) : "");

  return {
    el,
    refresh(runs) {
      const next = JSON.stringify(runs.map((r) => [r.config, r.environment, r.results]));
      if (next !== text) draw(runs); // a redraw would lose the focus
      text = next;
    },
    close() {},
  };
}
