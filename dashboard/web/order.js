// Which runs the overview shows, and in which order.

import { ago, count, duration, fixed } from "./format.js";

/** accuracyOf returns the k-NN accuracy { value, epoch } that counts, the best or the last one, or null. */
export const accuracyOf = (run, which) => (which === "last" ? run.knn.last : run.knn.best);

/** seconds returns how long a run has taken, from its start to its last line, pauses included. */
export function seconds(run) {
  const from = Date.parse(run.started), to = Date.parse(run.updated);
  return from > 0 && to > from ? (to - from) / 1000 : null;
}

/** planned returns the share of the epochs that are done, or null. */
export const planned = (run) => (run.epochs ? Math.min(1, run.epoch / run.epochs) : null);

const states = ["running", "failed", "died", "stopped", "ended", "finished", "unreadable"];
const started = (run) => (Date.parse(run.started) > 0 ? Date.parse(run.started) : null);

const accuracyBy = (r, which) => (accuracyOf(r, which) ?? r.evaluations[0])?.value ?? null;

/**
 * columns lists the columns by which runs can be sorted. by(run, which) is the value, null
 * where it is unknown; down says that the first click puts the largest on top.
 */
export const columns = [
  { id: "name", title: "Run", by: (r) => r.name.toLowerCase() },
  { id: "state", title: "State", by: (r) => states.indexOf(r.state) },
  { id: "method", title: "Method", by: (r) => r.method.toLowerCase() || null },
  { id: "ft", title: "FT", by: (r) => r.ft || null },
  { id: "dataset", title: "Dataset", by: (r) => r.dataset.toLowerCase() || null },
  { id: "epoch", title: "Epoch", by: (r) => r.epoch || null, down: true },
  { id: "started", title: "Started", by: started, down: true },
  { id: "time", title: "Duration", by: seconds, down: true },
  { id: "loss", title: "Loss", by: (r) => r.loss },
  { id: "knn", title: "Accuracy", by: accuracyBy, down: true },
  { id: "speed", title: "Speed", by: (r) => r.speed, down: true },
];

/**
 * sorted returns the runs by a column, such as "loss", or "-loss" from the largest. Unknown
 * values come last. Without a column, the order of the server stays.
 */
export function sorted(runs, sort, which) {
  const column = columns.find((c) => c.id === sort.replace(/^-/, ""));
  if (!column) return runs;
  const sign = sort.startsWith("-") ? -1 : 1;
  return runs.map((run) => ({ run, value: column.by(run, which) })).sort((a, b) => {
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
    return sign * (a.value < b.value ? -1 : a.value > b.value ? 1 : 0);
  }).map(({ run }) => run);
}

/** matches reports whether all words occur in what is known of a run. */
export function matches(run, words) {
  const text = [
    run.id, run.method, run.ft, run.dataset, run.arch, run.state, run.remarks.text, ...(run.remarks.tags ?? []),
    ...run.badges.map((b) => b.title),
  ].join(" ").toLowerCase();
  return words.every((w) => text.includes(w));
}

/** groupsOf divides runs by an option or by their tags: [{ title, runs }], in the order of the first run of each. */
export function groupsOf(runs, by, options) {
  if (!by) return [{ title: "", runs }];
  const groups = new Map();
  const values = options.find((o) => o.name === by)?.values ?? {};
  const keys = (run) => (by === "tags" ? run.remarks.tags ?? [] : [values[run.id]]);
  for (const run of runs) {
    const [key] = keys(run);
    const title = by === "tags" ? key ?? "no tag" : key === undefined ? `no ${by}` : `${by} ${key || "–"}`;
    if (!groups.has(title)) groups.set(title, []);
    groups.get(title).push(run);
  }
  return [...groups].map(([title, members]) => ({ title, runs: members }));
}

/** meanOf describes the accuracies of a group: mean and range. */
export function meanOf(runs, which) {
  const values = runs.map((r) => accuracyOf(r, which)?.value).filter((v) => v !== undefined);
  if (values.length === 0) return "";
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const range = values.length > 1 ? ` (${fixed(Math.min(...values), 1)} to ${fixed(Math.max(...values), 1)})` : "";
  return `k-NN ${fixed(mean, 1)} %${range}`;
}

/** progress describes the time of a run: what is left while it is running, else how long it took. */
export function progress(run) {
  const spent = seconds(run);
  const took = spent === null ? "–" : duration(spent);
  if (run.state === "running" && run.left > 0) return [took, `${duration(run.left)} left`];
  return [took, run.sessions > 1 ? `${count(run.sessions)} sessions` : ""];
}

export const startText = (run) => (Date.parse(run.started) > 0 ? ago(run.started) : "–");
