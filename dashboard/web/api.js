// Requests to the server, or to the data of a saved page.

import { answer, pictures, saved } from "./saved.js";

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

export const getRuns = async () => complete(await ask("runs", {}));

/** getStudy requests the report of a study. */
export const getStudy = (study) => ask("study", { study });

/** getJudgement requests the ranking of all runs. */
export const getJudgement = () => ask("judge", {});

/** complete makes lists that a run or the overview lacks empty. */
function complete(overview) {
  overview.studies ??= [];
  for (const r of overview.runs) r.remarks.tags ??= [];
  return overview;
}

/** getRun requests a run. Lists that a run of another program lacks are empty. */
export async function getRun(run) {
  const r = await ask("run", { run });
  for (const list of ["environment", "results", "findings", "notes", "series", "kinds", "settings"]) r[list] ??= [];
  r.remarks.tags ??= [];
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
/** getEmbedding requests what is the same for all layouts of a probe set: its epochs, images and classes. */
export const getEmbedding = (run) => ask("embedding", { run });

/**
 * getLayout requests the layout of an epoch: { epoch, points (a Float32Array with x and y of each image),
 * explained, pending }. Where pending is a text, the layout is being computed: ask again.
 */
export async function getLayout(run, method, epoch) {
  const one = await ask("layout", { run, method, epoch });
  const bytes = Uint8Array.from(atob(one.points ?? ""), (c) => c.charCodeAt(0));
  return { ...one, points: new Float32Array(bytes.buffer) };
}

/** getNearest requests the k images nearest to an image: { near: [{ image, cosine }], components }. */
export const getNearest = (run, epoch, image, k) => ask("nearest", { run, epoch, image, k });
/** getImages requests the images behind the scores of the traced step nearest to a step. */
export const getImages = (run, step) => ask("images", { run, step });
/** cropAddress is the address of a crop of a traced step: of is query, key, negative or mixed. */
export const cropAddress = (run, step, query, of, negative = 0) =>
  `api/crop?${new URLSearchParams({ run, step, query, of, negative })}`;
/** getOptions requests the options in which runs differ: [{ name, title, values by run }]. */
export const getOptions = () => ask("options", {});
/** getLog requests a part of a log: { text, from, to, size }, the last lines if from is negative. */
export const getLog = (run, from) => ask("log", { run, from });
/** mayWrite reports whether notes can be changed from here. */
export const mayWrite = async () => (await ask("visitor", {})).write;

/** saveNotes replaces the notes of a run: { text, tags, hidden }. */
export async function saveNotes(run, notes) {
  const response = await fetch(`api/notes?${new URLSearchParams({ run })}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(notes),
  });
  if (response.ok) return;
  const text = await response.text();
  let message = text.trim();
  try {
    message = JSON.parse(text).error;
  } catch {
    // a plain sentence
  }
  throw new Error(message || `the server answered ${response.status}`);
}

export const thumbnails = (run) => (saved ? pictures(run) : `api/thumbnails?${new URLSearchParams({ run })}`);

const patience = 15_000; // between two attempts to reach a server that has ended

/**
 * follow calls onRuns with every new overview, onState with true while the connection is
 * open, and onEnd with the last words of a server that ends. A saved page has no news.
 */
export function follow(onRuns, onState, onEnd) {
  if (saved) return;
  const events = new EventSource("events");
  events.addEventListener("runs", (e) => onRuns(complete(JSON.parse(e.data))));
  events.addEventListener("open", () => onState(true));
  events.addEventListener("error", () => onState(false));
  events.addEventListener("end", (e) => {
    // The browser would try again every second and fill its console with errors.
    events.close();
    onEnd(JSON.parse(e.data).message);
    onState(false);
    setTimeout(() => follow(onRuns, onState, onEnd), patience);
  });
}
