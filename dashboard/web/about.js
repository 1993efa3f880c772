// What is known of the runs of a view: their state, progress and results.

import { withRuns } from "./address.js";
import { h, headings, region } from "./dom.js";
import { count, duration, fixed, ftName, moment, number } from "./format.js";
import { seconds, startText } from "./order.js";
import { color } from "./palette.js";

/** labels returns the names of runs, with their directories if names are equal. */
export function labels(runs) {
  const names = runs.map((r) => r.name);
  return runs.map((r, i) => (names.indexOf(names[i]) === names.lastIndexOf(names[i]) ? names[i] : r.id));
}

/** knnText describes the best and the last k-NN accuracy, and that of the untrained network. */
function knnText({ knn }) {
  const percent = (v) => `${fixed(v, 1)} %`;
  if (!knn.best) return knn.untrained === null ? "" : `untrained ${percent(knn.untrained)}`;
  const last = knn.last.epoch === knn.best.epoch ? "" : `, last ${percent(knn.last.value)}`;
  const before = knn.untrained === null ? "" : `, untrained ${percent(knn.untrained)}`;
  return `${percent(knn.best.value)} (epoch ${knn.best.epoch})${last}${before}`;
}

/** facts lists [name, text] of a run; the text is empty where something is unknown. */
const facts = (run) => [
  ["Method", run.method], ["FT", run.ft && ftName(run.ft)], ["Dataset", run.dataset], ["Encoder", run.arch],
  ["Epoch", run.epochs ? `${run.epoch} / ${run.epochs}` : run.epoch || ""],
  ["Step", run.last > 0 ? count(run.last) : ""],
  ["Loss", run.loss === null ? "" : `${number(run.loss)} (${run.loss_of})`], ["k-NN", knnText(run)],
  ...evaluations(run),
  ["Started", startText(run).replace(/^–$/, "")], ["Duration", seconds(run) === null ? "" : duration(seconds(run))],
  ["Left", run.state === "running" && run.left > 0 ? duration(run.left) : ""],
];

/** evaluations lists the results of detectors and classifiers. Those of several have the same order. */
const protocols = ["AP", "linear", "linear-cached", "linear-lbfgs", "finetune", "supervised", "crt"];
const evaluations = (run) => [...protocols, ...run.evaluations.map((e) => e.protocol).filter((p) => p.startsWith("few-shot-"))].map((p) => {
  const e = run.evaluations.find((each) => each.protocol === p);
  return [p, e ? `${fixed(e.value, 1)} %` : ""];
});

const chip = (run) => h("span", { class: "chip", "data-state": run.state, title: run.evidence }, run.state);
const notes = (run) => run.notes.length > 0 && h("ul", { class: "notes" }, run.notes.map((n) => h("li", null, n)));

/** about returns the facts of one run as a list, or of several runs as a table. */
export function about(runs) {
  return runs.length === 1 ? one(runs[0]) : several(runs);
}

function one(run) {
  const shown = facts(run).filter(([, text]) => text);
  const fact = ([name, text]) => h("div", null, h("dt", null, name),
    h("dd", { "data-fact": name, title: name === "Started" ? moment(run.started) : null }, String(text)));
  const who = h("div", { class: "who" }, chip(run),
    run.state !== "failed" && h("span", { class: "evidence" }, run.evidence),
    run.id !== run.name && h("span", { class: "evidence id" }, run.id));
  return [who, h("dl", null, shown.map(fact)), notes(run)].filter(Boolean);
}

function several(runs) {
  const all = runs.map((r) => Object.fromEntries(facts(r)));
  const names = Object.keys(Object.assign({}, ...all)).filter((name) => all.some((f) => f[name]));
  const compared = ["Method", "FT", "Dataset", "Encoder"];
  const differs = (name) => compared.includes(name) && all.some((f) => f[name] !== all[0][name]);
  const ids = runs.map((r) => r.id);
  const rows = runs.map((run, i) => {
    const swatch = h("span", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = color(run.index);
    const rest = withRuns(ids.filter((id) => id !== run.id));
    const words = { "aria-label": `Leave out ${run.label}`, title: "Leave out" };
    const without = h("a", { class: "without", href: rest, ...words }, "×");
    const who = h("div", { class: "who" }, swatch, h("span", null, run.label), without);
    return h("tr", null, h("th", { scope: "row", title: run.id }, who, notes(run)), h("td", null, chip(run)),
      names.map((name) => h("td", { class: differs(name) ? "differs" : null }, String(all[i][name] || "–"))));
  });
  const table = h("table", { class: "facts" }, headings(["Run", "State", ...names]), h("tbody", null, rows));
  return [region("Facts of the runs", table)];
}
