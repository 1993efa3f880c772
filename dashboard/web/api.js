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

export const getRuns = () => ask("runs");
/** getRun requests a run. Lists that a run of another program lacks are empty. */
export async function getRun(run) {
  const r = await ask("run", { run });
  for (const list of ["environment", "results", "findings", "notes", "series", "kinds"]) r[list] ??= [];
  return r;
}
export const getCurves = (run, names, from, to, points) => ask("curves", { run, names: names.join(","), from, to, points });
export const getHistogram = (run, kind, from, to, rows) => ask("histogram", { run, kind, from, to, rows });
export const getEmbedding = (run, epoch) => ask("embedding", { run, epoch });
export const thumbnails = (run) => `api/thumbnails?${new URLSearchParams({ run })}`;

/** follow calls onRuns with every new overview, and onState with true while the connection is open. */
export function follow(onRuns, onState) {
  const events = new EventSource("events");
  events.addEventListener("runs", (e) => onRuns(JSON.parse(e.data)));
  events.addEventListener("open", () => onState(true));
  events.addEventListener("error", () => onState(false));
}
