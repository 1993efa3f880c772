// The configuration of the runs: the command, what differs, all options, the results.

import { h } from "./dom.js";
import { duration, fixed, moment } from "./format.js";
import { seconds } from "./order.js";

const places = new Set(["name", "model_path", "tb_path", "overwrite", "resume"]); // where the run is stored, not what it computes

export function settingsTab(first) {
  const el = h("div", { class: "settings" }), several = first.length > 1;
  let only = several, query = "", text = "";
  const title = (words, r) => h("h2", null, several ? `${words}: ${r.label}` : words);

  function draw(runs) {
    el.replaceChildren(...runs.map((r) => environment(r)).filter(Boolean), several ? "" : changed(runs[0]), ...runs.map((r) => results(r)).filter(Boolean), all(runs));
  }

  function environment(r) {
    const facts = [...r.environment.filter((e) => e.name === "Command"), ...times(r), ...r.environment.filter((e) => !["Command", "Started"].includes(e.name))];
    return facts.length > 0 && h("section", null, title("How it was run", r), h("dl", { class: "environment" }, facts.map((e) => h("div", null, h("dt", null, e.name), h("dd", null, e.name === "Command" ? command(e.value) : e.value)))));
  }

  /** changed lists the options that differ from the defaults of the command. */
  function changed(r) {
    const rows = r.settings.filter((o) => !places.has(o.name) && o.group && r.config[o.name] !== o.default);
    if (rows.length === 0 || !r.environment.some((e) => e.name === "Command")) return "";
    rows.sort((a, b) => a.runtime - b.runtime || a.group.localeCompare(b.group) || a.name.localeCompare(b.name));
    const remark = (o) => (o.runtime ? "does not change the results" : o.preset && r.config.method !== "Customize" ? `as ${r.config.method} has it` : "");
    return h("section", { class: "changed" }, h("h2", null, `Differs from the defaults: ${rows.length} of ${r.settings.length} options`),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Options that differ from the defaults" }, h("table", { class: "options" },
        h("thead", null, h("tr", null, ["Option", "Value", "Default", "Meaning"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", null, rows.map((o) => h("tr", { class: o.runtime ? "muted" : null }, h("th", { scope: "row" }, o.name), h("td", null, r.config[o.name] || "–"), h("td", { class: "usual" }, o.default || "–"),
          h("td", { class: "help" }, o.help, remark(o) && h("span", { class: "aside" }, remark(o)))))))));
  }

  function all(runs) {
    const keys = [...new Set(runs.flatMap((r) => Object.keys(r.config ?? {})))].sort();
    if (keys.length === 0) return h("section", null, h("h2", null, "Options"), h("p", { class: "empty" }, "There is no run.json: the run is from another program, which does not record its options."));
    const value = (r, k) => r.config?.[k] ?? "";
    const differs = (k) => !places.has(k) && runs.some((r) => value(r, k) !== value(runs[0], k));
    const body = h("tbody");
    const rows = () => {
      const shown = keys.filter((k) => k.toLowerCase().includes(query.toLowerCase()) && (!only || differs(k)));
      body.replaceChildren(...shown.map((k) => h("tr", { class: differs(k) ? "differs" : null },
        h("th", { scope: "row" }, k, differs(k) && h("span", { class: "hidden" }, " (differs)")), runs.map((r) => h("td", null, value(r, k) || "–")))));
      if (shown.length === 0) body.append(h("tr", null, h("td", { colspan: runs.length + 1 }, only && several && !query ? "The runs have the same options." : "No matching option.")));
    };
    const tools = h("div", { class: "toolbar", role: "group", "aria-label": "Options" },
      h("input", { type: "search", placeholder: "Find an option", "aria-label": "Find an option", value: query, oninput: (e) => {
        query = e.target.value;
        rows();
      } }),
      several && h("label", { class: "check" }, h("input", { type: "checkbox", name: "only", checked: only, onchange: (e) => {
        only = e.target.checked;
        rows();
      } }), "Only differences"));
    rows();
    return h("section", null, h("h2", null, several ? "Options" : `All ${keys.length} options`), tools, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "All options" }, h("table", { class: "options" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, "Option"), runs.map((r) => h("th", { scope: "col" }, several ? r.label : "Value")))), body)));
  }

  function results(r) {
    const row = (x) => [x.protocol ?? "–", String(x.epoch ?? "–"), x.metrics?.top1 === undefined ? "–" : `${fixed(x.metrics.top1, 2)} %`, x.dataset ?? "–", moment(x.time) || "–"];
    return r.results.length > 0 && h("section", null, title("Results", r), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Results of ${r.label}` }, h("table", { class: "options results" },
      h("thead", null, h("tr", null, ["Protocol", "Epoch", "Top-1", "Dataset", "Time"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", null, r.results.map((x) => h("tr", null, row(x).map((t) => h("td", null, t))))))));
  }

  return {
    el,
    refresh(runs) {
      const next = JSON.stringify(runs.map((r) => [r.config, r.environment, r.results, r.state]));
      if (next !== text) draw(runs); // a redraw would lose the focus
      text = next;
    },
    close() {},
  };
}

/** times says when a run started and how long it took. */
function times(r) {
  const list = [];
  if (moment(r.started)) list.push({ name: "Started", value: moment(r.started) });
  if (seconds(r) !== null) list.push({ name: "Duration", value: duration(seconds(r)) + (r.sessions > 1 ? `, ${r.sessions} sessions with the pauses between them` : r.state === "running" ? " so far" : "") });
  return list;
}

/** command shows a command line that can be copied. */
function command(line) {
  const code = h("code", null, line);
  const button = h("button", { type: "button", class: "copy", onclick: async () => {
    try {
      await navigator.clipboard.writeText(line);
      button.textContent = "Copied";
    } catch { // not allowed on pages of other machines without TLS: it is selected instead
      getSelection().selectAllChildren(code);
      button.textContent = "Selected: press Ctrl-C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2500);
  } }, "Copy");
  return [code, button];
}
