// The view of one run, or of several to compare: heading, diagnoses, tabs.

import { about, labels } from "./about.js";
import { overviewAddress, tabAddress, withRuns } from "./address.js";
import { getRun } from "./api.js";
import { curvesTab } from "./curves.js";
import { h } from "./dom.js";
import { embeddingTab } from "./embedding.js";
import { everythingTab } from "./everything.js";
import { histogramsTab } from "./histograms.js";
import { imagesTab } from "./images.js";
import { logTab } from "./log.js";
import { remarks } from "./remarks.js";
import { saved } from "./saved.js";
import { settingsTab } from "./settings.js";
import { waterfallTab } from "./waterfall.js";

const tabs = [
  ["curves", "Curves", curvesTab], ["histograms", "Histograms", histogramsTab], ["3d", "3-D", waterfallTab],
  ["images", "Images", imagesTab], ["embedding", "Embedding", embeddingTab], ["log", "Log", logTab], ["settings", "Configuration", settingsTab],
  ["all", "All", everythingTab],
].filter(([id]) => !(saved && ["log", "images"].includes(id))); // a saved page has neither log nor crops

export function runView(first) {
  const ids = first.runs, several = ids.length > 1;
  let where = first, runs = null, tab = null, closed = false, timer = null, stamps = "", others = "";
  const said = several ? null : remarks(ids[0]);
  const add = h("select", { name: "add", "aria-label": "Compare with another run", hidden: true, onchange: () => {
    if (add.value) location.hash = withRuns([...ids, add.value]);
  } });
  const title = several ? `Comparing ${ids.length} runs` : ids[0].split("/").pop();
  const heading = h("div", { class: "heading" }, h("div", { class: "titles" }, h("h1", null, title), said?.el),
    h("div", { class: "tools" }, add));
  const legend = h("section", { class: "about", "aria-label": several ? "The runs" : "The run", hidden: true });
  const findings = h("section", { class: "findings", "aria-label": "Diagnoses", hidden: true });
  const nav = h("nav", { class: "tabs", "aria-label": "Views of the run", hidden: true },
    tabs.map(([id, name]) => h("a", { "data-tab": id }, name)));
  const body = h("div", { class: "tab" }, h("p", { class: "empty", role: "status" }, "Loading the run"));
  const el = h("article", { class: "run" }, heading, legend, findings, nav, body);

  async function load() {
    const answers = await Promise.allSettled(ids.map(getRun));
    if (closed) return;
    const missing = ids.filter((_, i) => answers[i].status === "rejected");
    if (missing.length > 0) {
      if (!runs) fail(answers.find((a) => a.status === "rejected").reason, ids.filter((id) => !missing.includes(id)));
      return;
    }
    const names = labels(answers.map((a) => a.value));
    runs = answers.map((a, i) => Object.assign(a.value, { index: i, label: names[i] }));
    head();
    if (tab) await tab.refresh(runs);
    else open();
  }

  /** fail says what is wrong with the address, and where the rest of it leads. */
  function fail(error, rest) {
    const links = [h("a", { href: overviewAddress() }, "All runs")];
    const others = rest.length > 1 ? `The other ${rest.length} runs` : rest[0];
    if (rest.length > 0) links.unshift(h("a", { href: withRuns(rest) }, others), " · ");
    const why = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    const empty = [h("h2", null, "Nothing to show"), h("p", null, why), h("p", null, links)];
    body.replaceChildren(h("div", { class: "empty" }, empty));
  }

  function head() {
    document.title = `${several ? "Comparison" : runs[0].name} · contralens`;
    const text = JSON.stringify(runs.map(({ series, findings: _, clock, ...facts }) => facts));
    if (legend.dataset.text !== text) legend.replaceChildren(...about(runs)); // a redraw would lose the focus
    legend.dataset.text = text;
    legend.hidden = nav.hidden = false;
    said?.set(runs[0].remarks);
    showFindings();
    mark();
    link();
  }

  const entry = () => tabs.find(([id]) => id === where.tab) ?? tabs[0];

  function mark() {
    for (const a of nav.children) {
      if (a.dataset.tab === entry()[0]) a.setAttribute("aria-current", "page");
      else a.removeAttribute("aria-current");
    }
    nav.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
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
      const open = opened.has(key) || (!several && ["error", "warning"].includes(f.kind));
      return h("details", { class: "finding", "data-kind": f.kind, "data-rule": f.rule, "data-key": key, open },
        h("summary", null, h("span", { class: "badge" }, f.kind),
          h("span", null, several ? `${f.run.label}: ${f.title}` : f.title)),
        h("p", null, f.text), h("ul", { "aria-label": "Evidence" }, f.evidence.map((e) => h("li", null, e))));
    }));
  }

  function open() {
    tab?.close?.();
    const [, name, make] = entry();
    tab = make(runs);
    body.replaceChildren(h("h2", { class: "hidden" }, name), tab.el);
    tab.refresh(runs);
  }

  /** offer lists the runs that are not in the view. */
  function offer(all) {
    const rest = all.filter((r) => !ids.includes(r.id) && !r.remarks.hidden).map((r) => r.id);
    if (rest.join("\n") === others) return;
    others = rest.join("\n");
    add.hidden = rest.length === 0;
    const first = h("option", { value: "" }, several ? "Add a run" : "Compare with");
    add.replaceChildren(first, ...rest.map((id) => h("option", { value: id }, id)));
  }

  load();
  return {
    el,
    goTo(next) {
      if (!next?.runs || next.runs.join("\n") !== ids.join("\n")) return false;
      where = next;
      if (runs) {
        head();
        open();
      }
      return true;
    },
    update(news) {
      offer(news.runs);
      const mine = news.runs.filter((r) => ids.includes(r.id));
      const stamp = (r) => [r.id, r.step, r.updated, r.state, r.probe, r.notes, r.remarks, r.evaluations];
      const now = JSON.stringify(mine.map(stamp));
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
