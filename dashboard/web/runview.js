// The view of one run, or of several to compare: heading, diagnoses, tabs.

import { overviewAddress, tabAddress } from "./address.js";
import { getRun } from "./api.js";
import { curvesTab } from "./curves.js";
import { h } from "./dom.js";
import { embeddingTab } from "./embedding.js";
import { everythingTab } from "./everything.js";
import { count, fixed, ftName, number } from "./format.js";
import { histogramsTab } from "./histograms.js";
import { color } from "./palette.js";
import { settingsTab } from "./settings.js";
import { waterfallTab } from "./waterfall.js";

const tabs = [
  ["curves", "Curves", curvesTab], ["histograms", "Histograms", histogramsTab], ["3d", "3-D", waterfallTab],
  ["embedding", "Embedding", embeddingTab], ["settings", "Configuration", settingsTab],
  ["all", "All", everythingTab],
];

export function runView(first) {
  const ids = first.runs;
  let where = first, runs = null, tab = null, closed = false, timer = null, stamps = "";
  const heading = h("div", { class: "heading" }, h("h1", null, ids.length > 1 ? `Comparing ${ids.length} runs` : ids[0].split("/").pop()));
  const legend = h("section", { class: "about", "aria-label": ids.length > 1 ? "The runs" : "The run" });
  const findings = h("section", { class: "findings", "aria-label": "Diagnoses", hidden: true });
  const nav = h("nav", { class: "tabs", "aria-label": "Views of the run" });
  const body = h("div", { class: "tab" }, h("p", { class: "empty" }, "Loading the run"));
  const el = h("article", { class: "run" }, heading, legend, findings, nav, body);

  async function load() {
    const answers = await Promise.allSettled(ids.map(getRun));
    if (closed) return;
    const failed = answers.find((a) => a.status === "rejected");
    if (failed && !runs) {
      body.replaceChildren(h("p", { class: "empty" }, failed.reason.message, " ", h("a", { href: overviewAddress() }, "All runs")));
      return;
    }
    if (failed) return;
    runs = answers.map((a, i) => Object.assign(a.value, { index: i, label: labels(answers)[i] }));
    head();
    if (tab) await tab.refresh(runs);
    else open();
  }

  function head() {
    document.title = `${ids.length > 1 ? "Comparison" : runs[0].name} · contralens`;
    legend.replaceChildren(...about(runs).filter(Boolean));
    showFindings();
    nav.replaceChildren(...tabs.map(([id, title]) => h("a", { "data-tab": id, "aria-current": id === where.tab ? "page" : null }, title)));
    link();
  }

  const link = () => {
    for (const a of nav.children) a.href = tabAddress(a.dataset.tab);
  };
  window.addEventListener("addresschange", link);

  function showFindings() {
    const list = runs.flatMap((r) => r.findings.map((f) => ({ ...f, run: r })));
    const text = JSON.stringify(list.map((f) => [f.rule, f.evidence, f.run.id]));
    findings.hidden = list.length === 0;
    if (findings.dataset.text === text) return;
    const opened = new Set([...findings.querySelectorAll("details[open]")].map((d) => d.dataset.key));
    findings.dataset.text = text;
    findings.replaceChildren(...list.map((f) => {
      const key = `${f.rule} ${f.run.id}`;
      return h("details", { class: "finding", "data-kind": f.kind, "data-rule": f.rule, "data-key": key, open: opened.has(key) || (runs.length === 1 && f.kind === "warning") },
        h("summary", null, h("span", { class: "badge" }, f.kind), h("span", null, runs.length > 1 ? `${f.run.label}: ${f.title}` : f.title)),
        h("p", null, f.text), h("ul", { "aria-label": "Evidence" }, f.evidence.map((e) => h("li", null, e))));
    }));
  }

  function open() {
    tab?.close?.();
    const entry = tabs.find(([id]) => id === where.tab) ?? tabs[0];
    tab = entry[2](runs);
    body.replaceChildren(tab.el);
    tab.refresh(runs);
  }

  load();
  return {
    el,
    goTo(next) {
      if (!next || next.runs.join("\n") !== ids.join("\n")) return false;
      where = next;
      if (runs) {
        head();
        open();
      }
      return true;
    },
    update(news) {
      const mine = news.runs.filter((r) => ids.includes(r.id));
      const now = JSON.stringify(mine.map((r) => [r.id, r.step, r.updated, r.state, r.probe, r.notes]));
      if (stamps && now !== stamps && timer === null) {
        timer = setTimeout(() => {
          timer = null;
          if (!closed) load();
        }, 250);
      }
      stamps = now;
    },
    close() {
      closed = true;
      window.removeEventListener("addresschange", link);
      clearTimeout(timer);
      tab?.close?.();
    },
  };
}

/** labels returns the names of the runs, with their directories if names are equal. */
function labels(answers) {
  const names = answers.map((a) => a.value.name);
  return answers.map((a, i) => (names.indexOf(names[i]) === names.lastIndexOf(names[i]) ? names[i] : a.value.id));
}

const facts = (run) => [
  ["Method", run.method], ["FT", run.ft && ftName(run.ft)], ["Dataset", run.dataset], ["Encoder", run.arch],
  ["Epoch", run.epochs ? `${run.epoch} / ${run.epochs}` : run.epoch || ""], ["Step", run.last > 0 ? count(run.last) : ""],
  ["Loss", run.loss === null ? "" : number(run.loss)], ["k-NN", run.knn === null ? "" : `${fixed(run.knn, 1)} %`],
];

const chip = (run) => h("span", { class: "chip", "data-state": run.state, title: run.evidence }, run.state);
const notes = (run) => run.notes.length > 0 && h("ul", { class: "notes" }, run.notes.map((n) => h("li", null, n)));

/** about returns the facts of one run as a list, or of several runs as a table. */
function about(runs) {
  if (runs.length === 1) {
    const [run] = runs;
    return [h("div", { class: "who" }, chip(run), h("span", { class: "evidence" }, run.evidence), run.id !== run.name && h("span", { class: "evidence id" }, run.id)),
      h("dl", null, facts(run).filter(([, v]) => v).map(([k, v]) => h("div", null, h("dt", null, k), h("dd", { "data-fact": k }, String(v))))), notes(run)];
  }
  const names = facts(runs[0]).map(([k]) => k).filter((k, i) => runs.some((r) => facts(r)[i][1]));
  return [h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The runs" }, h("table", { class: "facts" },
    h("thead", null, h("tr", null, ["Run", "State", ...names].map((n) => h("th", { scope: "col" }, n)))),
    h("tbody", null, runs.map((run) => {
      const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = color(run.index);
      return h("tr", null, h("th", { scope: "row", title: run.id }, h("div", { class: "who" }, swatch, h("span", null, run.label)), notes(run)), h("td", null, chip(run)),
        names.map((n) => {
          const value = Object.fromEntries(facts(run))[n], differs = ["Method", "FT", "Dataset", "Encoder"].includes(n) && runs.some((r) => Object.fromEntries(facts(r))[n] !== value);
          return h("td", { class: differs ? "differs" : null }, String(value || "–"));
        }));
    }))))];
}
