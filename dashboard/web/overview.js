// The table of all runs.

import { runsAddress, setting, studyAddress } from "./address.js";
import { getOptions, mayWrite, saveNotes } from "./api.js";
import { h, setText } from "./dom.js";
import { count } from "./format.js";
import { columns, groupsOf, matches, meanOf, sorted } from "./order.js";
import { parallel } from "./parallel.js";
import { row } from "./row.js";
import { saved } from "./saved.js";

const find = setting("find", ""), pick = setting("pick", []), sort = setting("sort", ""), group = setting("group", "");
const which = setting("knn", "best", { valid: (v) => v === "last" }), archived = setting("archived", false);
const lines = setting("parallel", false);

export function overview() {
  const rows = new Map(); // by run: { el, set }
  const titles = new Map(); // by group: its heading
  let runs = [], options = [], writes = false, closed = false, known = "";

  const compare = h("a", { class: "button primary", href: "#/" }, "Compare");
  const rank = h("a", { class: "button", href: "#/judge", title: "Rank the runs without labels" }, "Rank");
  const archive = h("button", { class: "archive", type: "button", hidden: true, onclick: () => putAway() }, "Archive");
  const hint = "Filter by name, method, tag";
  const filter = h("input", { type: "search", placeholder: hint, "aria-label": "Filter runs", value: find.get() });
  filter.addEventListener("input", () => {
    find.set(filter.value);
    arrange();
  });
  const select = (name, label, entries, value, change) => {
    const entry = ([v, text]) => h("option", { value: v, selected: v === value }, text);
    const el = h("select", { name, onchange: () => change(el.value) }, entries.map(entry));
    return h("label", { class: `choice ${name}` }, label, el);
  };
  const check = (name, label, at, change) => {
    const el = h("input", { type: "checkbox", name, checked: at.get(), onchange: () => {
      at.set(el.checked);
      change();
    } });
    return h("label", { class: "check" }, el, label);
  };
  const bar = h("div", { class: "toolbar", role: "group", "aria-label": "Rows" });
  const summary = h("p", { class: "lead", role: "status" }, "Looking for runs");
  const note = h("p", { class: "note", hidden: true });
  const studies = h("ul", { class: "studies", "aria-label": "Studies", hidden: true });
  const heads = columns.map((c) => h("th", { scope: "col", class: c.id },
    h("button", { type: "button", onclick: () => order(c) }, c.title)));
  const corner = h("th", { scope: "col", class: "select" }, h("span", { class: "hidden" }, "Compare"));
  const body = h("tbody");
  const table = h("table", { class: "runs" },
    h("caption", { class: "hidden" }, "Runs"),
    h("thead", null, h("tr", null, corner, heads)), body);
  const empty = h("div", { class: "empty", hidden: true });
  const plot = parallel({ choose, chosen: () => pick.get() });
  const el = h("section", { class: "overview" },
    h("div", { class: "heading" }, h("div", null, h("h1", null, "Runs"), summary),
      h("div", { class: "tools" }, filter, archive, !saved && rank, compare)),
    note, studies, bar, plot.el, table, empty);

  compare.addEventListener("click", (e) => {
    if (pick.get().length === 0) e.preventDefault();
  });

  /** order sorts by a column: first the natural way, then the other one, then as the server lists them. */
  function order(column) {
    const ways = column.down ? [`-${column.id}`, column.id, ""] : [column.id, `-${column.id}`, ""];
    sort.set(ways[(ways.indexOf(sort.get()) + 1) % 3]);
    arrange();
  }

  function choose(id, on) {
    pick.set(on ? [...new Set([...pick.get(), id])] : pick.get().filter((p) => p !== id));
    arrange();
  }

  /** offer shows what can be done with the chosen runs. */
  function offer() {
    const chosen = pick.get(), mine = runs.filter((r) => chosen.includes(r.id));
    setText(compare, chosen.length > 1 ? `Compare ${chosen.length} runs` : chosen.length ? "Open" : "Compare");
    if (chosen.length) {
      compare.removeAttribute("aria-disabled");
      compare.href = runsAddress(chosen);
    } else {
      compare.setAttribute("aria-disabled", "true");
      compare.removeAttribute("href");
    }
    archive.hidden = !writes || mine.length === 0;
    setText(archive, mine.length && mine.every((r) => r.remarks.hidden) ? "Restore" : "Archive");
  }

  async function putAway() {
    const mine = runs.filter((r) => pick.get().includes(r.id)), hidden = !mine.every((r) => r.remarks.hidden);
    try {
      for (const r of mine) await saveNotes(r.id, { ...r.remarks, hidden });
    } catch (error) {
      note.hidden = false;
      setText(note, error.message);
      return;
    }
    for (const r of mine) r.remarks.hidden = hidden;
    pick.set([]);
    tools();
    arrange();
  }

  /** tools draws the choices that make sense for the runs. A redraw would lose the focus. */
  function tools() {
    const away = runs.filter((r) => r.remarks.hidden).length, tagged = runs.some((r) => r.remarks.tags.length);
    const has = JSON.stringify([away, tagged, runs.some((r) => r.knn.best), options.map((o) => o.name)]);
    if (has === known) return;
    known = has;
    const epochs = [["best", "best epoch"], ["last", "last epoch"]];
    const groups = [...(tagged ? [["tags", "tag"]] : []), ...options.map((o) => [o.name, o.name])];
    bar.replaceChildren(...[
      h("label", { class: "choice order" }, "Sort by", sorter),
      groups.length > 0 && select("group", "Group by", [["", "nothing"], ...groups], group.get(), (v) => {
        group.set(v);
        arrange();
      }),
      runs.some((r) => r.knn.best) && select("knn", "k-NN", epochs, which.get(), (v) => {
        which.set(v);
        arrange();
      }),
      options.length > 0 && runs.length > 2 && check("parallel", "Parallel coordinates", lines, arrange),
      away > 0 && check("archived", `Archived (${away})`, archived, arrange),
    ].filter(Boolean));
    bar.hidden = runs.length < 2 && away === 0;
  }
  const sorter = h("select", { name: "sort", onchange: () => {
    sort.set(sorter.value);
    arrange();
  } }, h("option", { value: "" }, "newest"),
  columns.map((c) => h("option", { value: c.down ? `-${c.id}` : c.id }, c.title.toLowerCase())));

  function arrange() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const listed = runs.filter((r) => (archived.get() || !r.remarks.hidden) && matches(r, words));
    const visible = sorted(listed, sort.get(), which.get());
    const chosen = pick.get();
    const want = [];
    for (const g of groupsOf(visible, group.get(), options)) {
      if (g.title) want.push(heading(g));
      for (const r of g.runs) {
        rows.get(r.id).set(r, which.get(), chosen.includes(r.id));
        want.push(rows.get(r.id).el);
      }
    }
    // Only rows that are out of place move, because moving a row loses its focus.
    want.forEach((row, i) => {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
    });
    while (body.children.length > want.length) body.lastChild.remove();
    heads.forEach((th, i) => {
      const at = sort.get().replace(/^-/, "") === columns[i].id;
      if (at) th.setAttribute("aria-sort", sort.get().startsWith("-") ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
    sorter.value = sort.get();
    plot.set(lines.get() ? visible : [], options, which.get());
    table.hidden = want.length === 0;
    empty.hidden = want.length > 0 || known === "";
    if (runs.length === 0) empty.replaceChildren(...welcome());
    else empty.replaceChildren(h("p", null, filter.value ? `None of the ${runs.length} runs match “${filter.value}”.`
      : "All runs are archived."));
    offer();
  }

  function heading(g) {
    const make = () => h("tr", { class: "group" },
      h("th", { scope: "rowgroup", colspan: columns.length + 1 }, h("span"), " ", h("small")));
    if (!titles.has(g.title)) titles.set(g.title, make());
    const el = titles.get(g.title), [title, about] = el.firstChild.children;
    setText(title, g.title);
    setText(about, [some(g.runs.length), meanOf(g.runs, which.get())].filter(Boolean).join(" · "));
    return el;
  }

  let listed = "";

  /** list links to the studies. */
  function list(all) {
    if (JSON.stringify(all) === listed) return;
    listed = JSON.stringify(all);
    studies.hidden = all.length === 0;
    studies.replaceChildren(...all.map((each) => h("li", null, h("a", { href: studyAddress(each.id), "data-study": each.id }, each.title),
      h("small", null, `study, ${each.done} of ${each.cells} trainings done`))));
  }

  async function learn() {
    try {
      [options, writes] = await Promise.all([getOptions(), mayWrite()]);
    } catch {
      return; // the table works without them
    }
    if (closed) return;
    tools();
    arrange();
  }

  let seen = 0;
  return {
    el,
    update(news) {
      document.title = "Runs · contralens";
      runs = news.runs;
      for (const run of runs) if (!rows.has(run.id)) rows.set(run.id, row(run, choose));
      const running = runs.filter((r) => r.state === "running").length;
      setText(summary, runs.length === 0 ? "" : `${some(runs.length)}, ${running || "none"} in progress`);
      note.hidden = !news.note;
      setText(note, news.note);
      list(news.studies);
      tools();
      arrange();
      if (runs.length !== seen) learn();
      seen = runs.length;
    },
    close() {
      closed = true;
      plot.close();
    },
  };
}

const some = (n) => `${count(n)} ${n === 1 ? "run" : "runs"}`;

const welcome = () => [
  h("h2", null, "No runs here yet"),
  h("p", null, "A run appears as soon as it starts. For a folder of your own photos:"),
  h("pre", null, "contralens contrast --config own-folder --data_folder photos --serve"),
  h("p", null, "Runs of other programs appear too: TensorBoard events, CSV and JSON logs, and what recorder.py records in PyTorch."),
];
