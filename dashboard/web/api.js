// Requests to the server, or to the data of a saved page.

import { answer, pictures, saved, worker } from "./saved.js";

async function ask(path, params) {
  if (saved) return answer(path, params ?? {});
  const query = new URLSearchParams(params);
  const response = await fetch(`api/${path}?${query}`);
  const body = await response.text();
  let value;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Error(body.trim() || `the server answered ${response.status}`);
  }
  if (!response.ok) throw new Error(value.error ?? `the server answered ${response.status}`);
  return value;
}

export const getRuns = () => ask("runs");
/** getRun requests a run. Lists that a run of another program lacks are empty. */
export async function getRun(run) {
  const r = await ask("run", { run });
  for (const list of ["environment", "results", "findings", "notes", "series", "kinds"]) r[list] ??= [];
  return r;
}
const atOnce = 64; // series that the server sends in one answer

/** getCurves requests series. Runs of other programs may have many. */
export async function getCurves(run, names, from, to, points) {
  const parts = [];
  for (let i = 0; i < Math.max(1, names.length); i += atOnce) parts.push(ask("curves", { run, names: names.slice(i, i + atOnce).join(","), from, to, points }));
  const [first, ...rest] = await Promise.all(parts);
  for (const part of rest) Object.assign(first.curves, part.curves);
  return first;
}
export const getHistogram = (run, kind, from, to, rows) => ask("histogram", { run, kind, from, to, rows });
export const getEmbedding = (run, epoch) => ask("embedding", { run, epoch });
export const thumbnails = (run) => (saved ? pictures(run) : `api/thumbnails?${new URLSearchParams({ run })}`);
export const umapWorker = () => (saved ? worker() : new Worker("umap-worker.js"));

/** follow calls onRuns with every new overview, and onState with true while the connection is open. A saved page has no news. */
export function follow(onRuns, onState) {
  if (saved) return;
  const events = new EventSource("events");
  events.addEventListener("runs", (e) => onRuns(JSON.parse(e.data)));
  events.addEventListener("open", () => onState(true));
  events.addEventListener("error", () => onState(false));
}
