// The address of the page: which view, of which runs, and how it is set. All of it is
// after the #, so that a reload, Back, and a link sent to a colleague show the same.
//
//	#/?find=mocov2&sort=-knn&pick=a&pick=b          the overview
//	#/runs?tab=curves&run=a&run=b&smooth=0.8        a view of runs
//	#/study?study=studies/a                         a study
//	#/judge                                         all runs, ranked without labels

const elsewhere = ["/runs", "/study", "/judge"]; // paths that are not the overview's

let path = "/", params = new URLSearchParams(); // the current address, including changes that are not written yet
let writing = null, overviewHash = "#/";
const lasting = new Map(); // settings that the next view starts with

function read() {
  const [at, query] = location.hash.replace(/^#/, "").split("?");
  path = at || "/";
  params = new URLSearchParams(query);
  clearTimeout(writing);
  writing = null;
  if (!elsewhere.includes(path)) overviewHash = location.hash || "#/";
}
read();
// Listeners of views are added later, so they find the new address.
window.addEventListener("hashchange", () => location.hash !== "#main" && read());

const hashOf = (at, query) => (String(query) ? `#${at}?${query}` : `#${at}`);

function write() {
  clearTimeout(writing);
  writing = null;
  const hash = hashOf(path, params);
  if (!elsewhere.includes(path)) overviewHash = hash;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}
// A click may lead to another page, and Back from there should find the latest settings.
for (const leaving of ["pagehide", "click"]) window.addEventListener(leaving, () => writing !== null && write(), true);

/** whereabouts returns the runs and the tab of the address, its study, the ranking, or null for the overview. */
export function whereabouts() {
  if (path === "/judge") return { judge: true };
  if (path === "/study" && params.has("study")) return { study: params.get("study") };
  const runs = params.getAll("run");
  return path === "/runs" && runs.length ? { runs, tab: params.get("tab") ?? "curves" } : null;
}

/** runsAddress is the address of a view of runs that starts with the lasting settings. */
export function runsAddress(runs, tab = "curves") {
  const next = new URLSearchParams({ tab });
  for (const run of runs) next.append("run", run);
  for (const [key, text] of lasting) next.set(key, text);
  return hashOf("/runs", next);
}

/** studyAddress is the address of a study. */
export const studyAddress = (study) => hashOf("/study", new URLSearchParams({ study }));

/** tabAddress is the address of another tab of the same runs. It keeps all settings. */
export function tabAddress(tab) {
  const next = new URLSearchParams(params);
  next.set("tab", tab);
  return hashOf("/runs", next);
}

/** withRuns is the current address with other runs. */
export function withRuns(runs) {
  const next = new URLSearchParams(params);
  next.delete("run");
  for (const run of runs) next.append("run", run);
  return hashOf("/runs", next);
}

/** overviewAddress is the address of the overview as it was last seen. */
export const overviewAddress = () => overviewHash;

/**
 * setting is a value in the address, such as setting("smooth", 0.6). Its type is that of
 * the default: a number, a boolean, a string, or a list of strings or numbers; null is a
 * string that may be missing. A value that equals the default is left out of the
 * address. Text in the address of another type, or for which valid(value) is false, counts
 * as missing. A lasting setting is also that of the next view of runs.
 *
 * set changes the address a moment later and adds nothing to the history. Then an
 * "addresschange" event is sent to the window, for links that contain the address.
 */
export function setting(key, otherwise, { valid = () => true, lasting: lasts = false } = {}) {
  const list = Array.isArray(otherwise);
  const parse = (text) => {
    if (typeof otherwise === "number") return text !== "" && Number.isFinite(+text) ? +text : undefined;
    if (typeof otherwise === "boolean") return { 0: false, 1: true }[text];
    return text;
  };
  const print = (value) => (typeof value === "boolean" ? String(+value) : String(value));
  const same = (a, b) => (a === null || b === null ? a === b : print(a) === print(b));
  return {
    get() {
      if (!params.has(key)) return otherwise;
      const value = list ? params.getAll(key) : parse(params.get(key));
      return value !== undefined && valid(value) ? value : otherwise;
    },
    set(value) {
      params.delete(key);
      lasting.delete(key);
      if (!same(value, otherwise)) {
        for (const v of list ? value : [value]) params.append(key, print(v));
        if (lasts) lasting.set(key, print(value));
      }
      // Browsers refuse to change the address as often as a slider moves.
      if (writing === null) writing = setTimeout(() => {
        write();
        window.dispatchEvent(new Event("addresschange"));
      }, 120);
    },
  };
}
