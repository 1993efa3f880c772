// The tab with what the training printed, as it grows.

import { getLog } from "./api.js";
import { h } from "./dom.js";
import { count } from "./format.js";

const most = 1 << 20; // characters that are kept on the page

export function logTab(first) {
  const logs = first.map((run) => logOf(run, first.length > 1));
  return {
    el: h("div", { class: "logs" }, logs.map((l) => l.el)),
    refresh: (runs) => Promise.all(logs.map((l, i) => l.refresh(runs[i]))),
    close() {},
  };
}

/** logOf shows the log of a run: its last lines, earlier ones on request, new ones as they come. */
function logOf(run, several) {
  let from = 0, to = -1, busy = false;
  const lines = h("pre", { tabindex: 0, role: "region", "aria-label": `Log of ${run.label}` });
  const earlier = h("button", { type: "button", hidden: true, onclick: () => before() }, "Earlier lines");
  const note = h("p", { class: "empty" }, "Loading the log");
  const heading = h("h2", { class: several ? null : "hidden" }, several ? run.label : "Log");
  const el = h("section", { class: "log" }, heading, earlier, note, lines);
  lines.hidden = true;

  const follows = () => lines.scrollTop + lines.clientHeight > lines.scrollHeight - 40;

  async function refresh() {
    if (busy) return;
    busy = true;
    try {
      for (;;) {
        const part = await getLog(run.id, to);
        if (part.size < to) { // a new run has the same place
          lines.replaceChildren();
          to = -1;
          continue;
        }
        const atEnd = follows() || to < 0;
        if (to < 0) from = part.from;
        to = part.to;
        show(part.text, atEnd);
        if (part.text === "" || part.to >= part.size) break;
      }
    } catch (error) {
      note.textContent = error.message;
      note.hidden = false;
    } finally {
      busy = false;
    }
  }

  function show(text, atEnd) {
    if (text) lines.append(marked(text));
    const any = lines.childNodes.length > 0;
    lines.hidden = !any;
    note.hidden = any;
    note.textContent = "There is no log.txt: the run has printed nothing, or it is from another program.";
    trim();
    offer();
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  /** trim keeps the page light: a part that was loaded first goes first. */
  function trim() {
    let length = lines.textContent.length;
    while (length > most && lines.childNodes.length > 1) {
      const gone = lines.firstChild;
      length -= gone.textContent.length;
      from += new TextEncoder().encode(gone.textContent).length;
      gone.remove();
    }
  }

  function offer() {
    earlier.hidden = from <= 0;
    earlier.textContent = `Earlier lines (${count(from / 1024)} kB)`;
  }

  /** before shows what comes before the first line on the page. */
  async function before() {
    const start = Math.max(0, from - (1 << 16));
    const part = await getLog(run.id, start);
    const bytes = new TextEncoder().encode(part.text).slice(0, from - part.from);
    let text = new TextDecoder().decode(bytes);
    let cut = 0;
    if (start > 0) cut = text.indexOf("\n") + 1; // the first line is not whole
    const height = lines.scrollHeight;
    from = part.from + new TextEncoder().encode(text.slice(0, cut)).length;
    lines.prepend(marked(text.slice(cut)));
    lines.scrollTop = lines.scrollHeight - height;
    offer();
  }

  return { el, refresh };
}

/** marked returns lines as an element, with errors and notes marked. */
function marked(text) {
  const el = h("span");
  for (const part of text.split(/^((?:failed|note): .*\n)/m)) {
    const kind = { failed: "failure", note: "remark-line" }[/^(failed|note): /.exec(part)?.[1]];
    if (part) el.append(kind ? h("span", { class: kind }, part) : part);
  }
  return el;
}
