// The horizontal axis of curves: steps, epochs, or time spent on training. A run's clock
// has [step, epochs] and [step, seconds], in ascending order.

import { count, number, short, tick } from "./format.js";

const units = [
  [172800, 86400, "days"],
  [7200, 3600, "hours"],
  [120, 60, "minutes"],
  [0, 1, "seconds"],
];

/** interpolated returns the value of column b at x in column a, along straight lines, which go on beyond both ends. */
function interpolated(rows, a, b, x) {
  let i = rows.findIndex((r) => r[a] > x);
  i = Math.max(1, i < 0 ? rows.length - 1 : i);
  const [p, q] = [rows[i - 1], rows[i]];
  return p[b] + ((x - p[a]) / (q[a] - p[a])) * (q[b] - p[b]);
}

const rowsOf = (kind, run) => ({ epoch: run.clock?.epochs, time: run.clock?.seconds })[kind] ?? [];

/** possible lists the axes that all runs have: step, and often epoch and time. */
export const possible = (runs) =>
  ["step", "epoch", "time"].filter((kind) => kind === "step" || runs.every((r) => rowsOf(kind, r).length > 1));

/**
 * xAxis returns an axis for runs: to(run, step) and from(run, x) convert, title names it,
 * ticks(values, distance) shows values below it, and at(x) a single one; whole is whether it
 * has no fractions.
 */
export function xAxis(kind, runs) {
  if (kind === "step") {
    return {
      kind,
      title: "step",
      whole: true,
      to: (r, step) => step,
      from: (r, x) => x,
      ticks: (values) => values.map((v) => (v === null ? "" : short(v))),
      at: (x) => `step ${count(x)}`,
      number: short,
    };
  }
  let divisor = 1,
    title = "epoch",
    at = (x) => `epoch ${number(x)}`;
  if (kind === "time") {
    const longest = Math.max(...runs.map((r) => interpolated(rowsOf(kind, r), 0, 1, r.last)));
    const [, seconds, unit] = units.find(([from]) => longest >= from) ?? units.at(-1);
    [divisor, title, at] = [seconds, `training time, ${unit}`, (x) => `${number(x)} ${unit}`];
  }
  return {
    kind,
    title,
    whole: false,
    at,
    number,
    to: (r, step) => interpolated(rowsOf(kind, r), 0, 1, step) / divisor,
    from: (r, x) => interpolated(rowsOf(kind, r), 1, 0, x * divisor),
    ticks: (values, distance) => values.map((v) => (v === null ? "" : tick(v, distance))),
  };
}
