// The page that ranks runs without labels: a table for each method, and one across methods.

import { runsAddress } from "./address.js";
import { getJudgement } from "./api.js";
import { h, headings, region } from "./dom.js";
import { fixed } from "./format.js";

const number = (v, places) => fixed(v, places).replace("-", "−");

export function judgeView() {
  const body = h("div", null, h("p", { class: "lead" }, "Ranking the runs"));
  const el = h("section", { class: "study judge" }, body);
  let closed = false, shown = "";

  async function refresh() {
    let report;
    try {
      report = await getJudgement();
    } catch (error) {
      if (!closed) body.replaceChildren(h("h1", null, "Ranking without labels"), h("p", { class: "empty" }, error.message));
      return;
    }
    const text = JSON.stringify(report);
    if (closed || text === shown) return;
    shown = text;
    document.title = "Ranking without labels · contralens";
    const top = window.scrollY;
    body.replaceChildren(...page(report));
    window.scrollTo(0, top);
  }
  refresh();
  return {
    el,
    update: refresh,
    goTo: (where) => Boolean(where?.judge),
    close() {
      closed = true;
    },
  };
}

function page(report) {
  const titles = Object.fromEntries(report.measures.map((m) => [`${m.Space}_${m.Name}`, m.Title]));
  return [
    h("h1", null, "Ranking without labels"),
    h("p", { class: "sentences" }, "Runs by the measures of their features after the last epoch that was measured, or the epochs of one run. The " +
      "score is the mean of the ranks by each measure, as z-scores; the spread says how far the measures disagree. Across methods relative " +
      "alignment alone ranks, and others are shown beside it. A high place is " +
      "evidence, not proof: where k-NN or a probe exists, the line below a table says how well the ranking fits it."),
    ...report.groups.flatMap((g) => group(g, titles)),
    report.stops.some(told) && h("h2", null, "Stop rule"),
    report.stops.some(told) && stops(report.stops.filter(told)),
    report.notes.length > 0 && h("ul", { class: "notes plain" }, report.notes.map((n) => h("li", null, n))),
  ].filter(Boolean);
}

const picked = (p) => `${p.run} after epoch ${p.epoch} with ${number(p.top1, 2)} %`;

// told reports whether the stop rule has something to say about a run: it stops it, or it would but for a fault.
const told = (s) => s.at > 0 || s.faults?.length > 0;

function group(g, titles) {
  const faulty = g.rows.some((r) => r.faults?.length > 0);
  const columns = [...g.measures, ...g.shown], several = g.measures.length > 1;
  const protocols = [...new Set(g.rows.flatMap((r) => Object.keys(r.accuracies)))].sort();
  const rows = g.rows.map((r) => h("tr", { "data-run": r.run },
    h("th", { scope: "row" }, h("a", { href: runsAddress([r.run]) }, r.run)), h("td", null, String(r.epoch)),
    h("td", null, number(r.score, 2)), several && h("td", null, number(r.spread, 2)),
    columns.map((m) => h("td", null, m in r.values ? String(+r.values[m].toPrecision(4)).replace("-", "−") : "collapsed")),
    protocols.map((p) => h("td", null, p in r.accuracies ? `${number(r.accuracies[p], 2)} %` : "")),
    faulty && h("td", { class: "fault" }, (r.faults ?? []).join(", "))));
  const heads = ["Run", "Epoch", "Score", ...(several ? ["Spread"] : []), ...columns.map((m) => titles[m]), ...protocols, ...(faulty ? ["Diagnosis"] : [])];
  const checks = g.checks.map((c) => h("p", { class: "sentences", "data-check": c.protocol },
    `Against ${c.n} accuracies by ${c.protocol}: Spearman's ρ ${number(c.rho, 2)}, regret ${number(c.regret, 2)} points ` +
    `(chosen ${picked(c.chosen)}, best ${picked(c.best)}). ` +
    `Each measure alone: ${columns.filter((m) => m in c.rho_by_measure).map((m) => `${titles[m]} ${number(c.rho_by_measure[m], 2)}`).join(", ")}.`));
  return [h("h2", null, g.title), h("p", { class: "verdict" }, g.verdict),
    region(g.title, h("table", null, headings(heads), h("tbody", null, rows))),
    g.shown.length > 0 && h("p", { class: "sentences" }, `Shown, but not counted across methods: ${g.shown.map((m) => titles[m]).join(", ")}.`),
    ...checks].filter(Boolean);
}

function stops(list) {
  const rows = list.map((s) => h("tr", null, h("th", { scope: "row" }, s.run), h("td", null, String(s.planned)),
    h("td", null, s.at > 0 ? String(s.at) : `never, diagnosed: ${s.faults.join(", ")}`), h("td", null, s.at > 0 ? `${number(100 * s.saved, 0)} %` : ""),
    h("td", null, s.lost === null ? "" : `${number(s.lost, 2)} points`)));
  return region("Stop rule", h("table", null, headings(["Run", "Epochs", "Settled after", "Saved", "k-NN lost"]), h("tbody", null, rows)));
}
