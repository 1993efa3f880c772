// Requests to the server.

async function ask(path, params) {
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

/** complete makes lists that a run lacks empty. */
function complete(overview) {
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
export const getCurves = (run, names, from, to, points) => ask("curves", { run, names: names.join(","), from, to, points });
export const getHistogram = (run, kind, from, to, rows) => ask("histogram", { run, kind, from, to, rows });
export const getEmbedding = (run, epoch) => ask("embedding", { run, epoch });
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

export const thumbnails = (run) => `api/thumbnails?${new URLSearchParams({ run })}`;

const patience = 15_000; // between two attempts to reach a server that has ended

/**
 * follow calls onRuns with every new overview, onState with true while the connection is
 * open, and onEnd with the last words of a server that ends.
 */
export function follow(onRuns, onState, onEnd) {
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
