// The configuration of the runs: the command, what differs, all options, the results.

import { h, headings, region, setText } from "./dom.js";
import { duration, fixed, moment } from "./format.js";
import { seconds } from "./order.js";

// Options that say where the run is stored, not what it computes.
const places = new Set(["name", "model_path", "tb_path", "overwrite", "resume"]);
const foreign = "There is no run.json: the run is from another program, which does not record its options.";

const changing = "Processes"; // a fact about them follows the training

export function settingsTab(first) {
  const el = h("div", { class: "settings" }), several = first.length > 1;
  let only = several, query = "", text = "";
  const section = (words, r, ...children) => h("section", null,
    h("h2", null, several && r ? `${words}: ${r.label}` : words), children);

  function draw(runs) {
    const parts = [...runs.map(environment), !several && changed(runs[0]), ...runs.map(results), all(runs)];
    el.replaceChildren(...parts.filter(Boolean));
  }

  function environment(r) {
    const commands = r.environment.filter((e) => e.name === "Command");
    const others = r.environment.filter((e) => !["Command", "Started", "Resumed"].includes(e.name));
    const facts = [...commands.map((e) => ({ name: e.name, value: command(e.value) })), ...times(r), ...others];
    if (facts.length === 0) return null;
    const rows = facts.map((e) => h("div", null, h("dt", null, e.name), h("dd", { "data-fact": e.name }, e.value)));
    return section("How it was run", r, h("dl", { class: "environment", "data-run": r.id }, rows));
  }

  /** changed lists the options that differ from the defaults of the command. */
  function changed(r) {
    const list = r.settings.filter((o) => !places.has(o.name) && o.group && r.config[o.name] !== o.default);
    if (list.length === 0 || !r.environment.some((e) => e.name === "Command")) return null;
    list.sort((a, b) => a.runtime - b.runtime || a.group.localeCompare(b.group) || a.name.localeCompare(b.name));
    const rows = list.map((o) => h("tr", { class: o.runtime ? "muted" : null },
      h("th", { scope: "row" }, o.name), h("td", null, r.config[o.name] || "–"),
      h("td", { class: "usual" }, o.default || "–"), h("td", { class: "help" }, o.help, remark(o, r.config.method))));
    const head = headings(["Option", "Value", "Default", "Meaning"]);
    const table = h("table", { class: "options" }, head, h("tbody", null, rows));
    return h("section", { class: "changed" },
      h("h2", null, `Differs from the defaults: ${list.length} of ${r.settings.length} options`),
      region("Options that differ from the defaults", table));
  }

  function all(runs) {
    const keys = [...new Set(runs.flatMap((r) => Object.keys(r.config ?? {})))].sort();
    if (keys.length === 0) return section("Options", null, h("p", { class: "empty" }, foreign));
    const value = (r, k) => r.config?.[k] ?? "";
    const differs = (k) => !places.has(k) && runs.some((r) => value(r, k) !== value(runs[0], k));
    const body = h("tbody");
    const row = (k) => h("tr", { class: differs(k) ? "differs" : null },
      h("th", { scope: "row" }, k, differs(k) && h("span", { class: "hidden" }, " (differs)")),
      runs.map((r) => h("td", null, value(r, k) || "–")));
    const rows = () => {
      const shown = keys.filter((k) => k.toLowerCase().includes(query.toLowerCase()) && (!only || differs(k)));
      const none = only && several && !query ? "The runs have the same options." : "No matching option.";
      body.replaceChildren(...shown.map(row));
      if (shown.length === 0) body.append(h("tr", null, h("td", { colspan: runs.length + 1 }, none)));
    };
    const hint = "Find an option";
    const find = h("input", { type: "search", placeholder: hint, "aria-label": hint, value: query });
    find.addEventListener("input", () => {
      query = find.value;
      rows();
    });
    const differences = h("input", { type: "checkbox", name: "only", checked: only, onchange: () => {
      only = differences.checked;
      rows();
    } });
    const tools = h("div", { class: "toolbar", role: "group", "aria-label": "Options" }, find,
      several && h("label", { class: "check" }, differences, "Only differences"));
    rows();
    const head = headings(["Option", ...runs.map((r) => (several ? r.label : "Value"))]);
    const table = h("table", { class: "options" }, head, body);
    return section(several ? "Options" : `All ${keys.length} options`, null, tools, region("All options", table));
  }

  function results(r) {
    if (r.results.length === 0) return null;
    const top1 = (x) => (x.metrics?.top1 === undefined ? "–" : `${fixed(x.metrics.top1, 2)} %`);
    const cells = (x) => [x.protocol ?? "–", String(x.epoch ?? "–"), top1(x), x.dataset ?? "–", moment(x.time) || "–"];
    const rows = r.results.map((x) => h("tr", null, cells(x).map((t) => h("td", null, t))));
    const head = headings(["Protocol", "Epoch", "Top-1", "Dataset", "Time"]);
    const table = h("table", { class: "options results" }, head, h("tbody", null, rows));
    return section("Results", r, region(`Results of ${r.label}`, table));
  }

  /** followed shows what changes while a run trains. It returns whether there was a place for it. */
  function followed(runs) {
    return runs.every((r) => {
      const fact = r.environment.find((e) => e.name === changing),
        list = [...el.querySelectorAll(".environment")].find((dl) => dl.dataset.run === r.id),
        place = list?.querySelector(`[data-fact=${changing}]`);
      if (fact && place) setText(place, fact.value);
      return !fact === !place;
    });
  }

  return {
    el,
    refresh(runs) {
      const lasting = (r) => r.environment.filter((e) => e.name !== changing);
      const next = JSON.stringify(runs.map((r) => [r.config, lasting(r), r.results, r.state]));
      if (next !== text || !followed(runs)) draw(runs); // a redraw would lose the focus
      text = next;
    },
    close() {},
  };
}

/** remark says why an option may not matter. */
function remark(option, method) {
  const preset = option.preset && method !== "Customize" ? `as ${method} has it` : "";
  const text = option.runtime ? "does not change the results" : preset;
  return text && h("span", { class: "aside" }, text);
}

/** times says when a run started and how long it took. */
function times(r) {
  const list = [];
  if (moment(r.started)) list.push({ name: "Started", value: moment(r.started) });
  const resumed = r.environment.find((e) => e.name === "Resumed")?.value.split(" ").map(moment).filter(Boolean) ?? [];
  if (resumed.length) list.push({ name: "Resumed", value: resumed.join("; ") });
  if (seconds(r) === null) return list;
  const pauses = r.sessions > 1 ? `, ${r.sessions} sessions with the pauses between them` : "";
  const more = pauses || (r.state === "running" ? " so far" : "");
  return [...list, { name: "Duration", value: duration(seconds(r)) + more }];
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
