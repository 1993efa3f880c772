// The table of all runs.

import { runsAddress, setting } from "./address.js";
import { h, s, setText } from "./dom.js";
import { ago, count, fixed, ftName, number } from "./format.js";

const columns = [
  ["", "select"], ["Run", "name"], ["State", "state"], ["Method", "method"], ["FT", "ft"], ["Dataset", "dataset"],
  ["Epoch", "epoch"], ["Loss", "loss"], ["k-NN", "knn"], ["Speed", "speed"],
];

const find = setting("find", ""), pick = setting("pick", []);

export function overview() {
  const rows = new Map(); // by run: { el, set }
  const chosen = new Set(pick.get());
  const body = h("tbody");
  const compare = h("a", { class: "button primary", href: "#/", "aria-disabled": "true" }, "Compare");
  const filter = h("input", { type: "search", placeholder: "Filter by name, method, dataset", "aria-label": "Filter runs", value: find.get(), oninput: () => {
    find.set(filter.value);
    arrange();
  } });
  const summary = h("p", { class: "lead", role: "status" }, "Looking for runs");
  const note = h("p", { class: "note", hidden: true });
  const table = h("table", { class: "runs" },
    h("caption", { class: "hidden" }, "Runs"),
    h("thead", null, h("tr", null, columns.map(([title, name]) => h("th", { scope: "col", class: name }, title || h("span", { class: "hidden" }, "Compare"))))),
    body);
  const empty = h("div", { class: "empty", hidden: true });
  const el = h("section", { class: "overview" },
    h("div", { class: "heading" }, h("div", null, h("h1", null, "Runs"), summary), h("div", { class: "tools" }, filter, compare)),
    note, table, empty);

  compare.addEventListener("click", (e) => {
    if (chosen.size === 0) e.preventDefault();
  });

  function choose(id, on) {
    if (on) chosen.add(id);
    else chosen.delete(id);
    pick.set([...chosen]);
    offer();
  }

  function offer() {
    setText(compare, chosen.size > 1 ? `Compare ${chosen.size} runs` : "Compare");
    compare.setAttribute("aria-disabled", String(chosen.size === 0));
    compare.href = chosen.size ? runsAddress([...chosen]) : "#/";
  }

  offer();
  let order = [];
  function arrange() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const visible = order.filter((r) => {
      const text = `${r.id} ${r.method} ${r.ft} ${r.dataset} ${r.arch} ${r.state}`.toLowerCase();
      return words.every((w) => text.includes(w));
    });
    const want = visible.map((r) => rows.get(r.id).el);
    // Only rows that are out of place move, because moving a row loses its focus.
    want.forEach((row, i) => {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
    });
    while (body.children.length > want.length) body.lastChild.remove();
    table.hidden = want.length === 0;
    empty.hidden = want.length > 0;
    if (order.length === 0) empty.replaceChildren(...welcome());
    else empty.replaceChildren(h("p", null, `None of the ${order.length} runs match “${filter.value}”.`));
  }

  return {
    el,
    update(news) {
      document.title = "Runs · contralens";
      order = news.runs;
      for (const run of news.runs) {
        if (!rows.has(run.id)) rows.set(run.id, row(run, chosen.has(run.id), choose));
        rows.get(run.id).set(run);
      }
      const running = news.runs.filter((r) => r.state === "running").length;
      setText(summary, news.runs.length === 0 ? "" : `${count(news.runs.length)} ${news.runs.length === 1 ? "run" : "runs"}, ${running ? `${running} in progress` : "none in progress"}`);
      note.hidden = !news.note;
      setText(note, news.note);
      arrange();
    },
    close() {},
  };
}

const welcome = () => [
  h("h2", null, "No runs here yet"),
  h("p", null, "A run appears as soon as it writes its first line of metrics. Start one with"),
  h("pre", null, "contralens contrast --method MoCov2 --data_folder photos --record --serve"),
  h("p", null, "Runs of the PyTorch implementation appear too, once their directory has score_001.npy or a score record."),
];

/** row makes a run's table row; set updates it with a new summary. */
function row(first, checked, choose) {
  const cell = (name) => h("td", { class: name });
  const box = h("input", { type: "checkbox", checked, "aria-label": `Compare ${first.name}`, onchange: () => choose(first.id, box.checked) });
  const parent = first.id.includes("/") ? first.id.slice(0, first.id.lastIndexOf("/") + 1) : "";
  const kind = h("span", { class: "kind" });
  const name = h("th", { scope: "row", class: "name" },
    h("a", { href: runsAddress([first.id]), title: first.id }, first.name), parent && h("span", { class: "parent" }, parent), kind);
  const chip = h("span", { class: "chip" });
  const evidence = h("span", { class: "evidence" });
  const notes = h("ul", { class: "notes", hidden: true });
  name.append(notes);
  const bar = h("span", { class: "fill" });
  const epochText = h("span");
  const track = h("span", { class: "track", "aria-hidden": "true" }, bar);
  const cells = Object.fromEntries(["method", "ft", "dataset", "loss", "knn", "speed"].map((n) => [n, cell(n)]));
  const lossText = h("span", { class: "value" });
  const spark = s("svg", { class: "spark", viewBox: "0 0 72 20", "aria-hidden": "true" }, s("path", { d: "" }));
  cells.loss.append(spark, lossText);
  const el = h("tr", null, h("td", { class: "select" }, box), name, h("td", { class: "state" }, chip, evidence),
    cells.method, cells.ft, cells.dataset, h("td", { class: "epoch" }, epochText, track), cells.loss, cells.knn, cells.speed);

  return {
    el,
    set(run) {
      el.dataset.run = run.id;
      chip.dataset.state = run.state;
      setText(chip, run.state);
      setText(evidence, run.state === "running" ? `updated ${ago(run.updated)}` : run.evidence);
      setText(cells.method, run.method || "–");
      setText(cells.ft, ftName(run.ft));
      setText(cells.dataset, run.dataset || "–");
      setText(kind, [run.method, run.ft && `FT ${run.ft}`, run.dataset].filter(Boolean).join(" · "));
      setText(epochText, run.epochs ? `${run.epoch} / ${run.epochs}` : run.epoch ? String(run.epoch) : run.step ? `step ${count(run.step)}` : "–");
      track.hidden = !run.epochs;
      bar.style.width = `${run.epochs ? Math.min(100, (100 * run.epoch) / run.epochs) : 0}%`;
      setText(lossText, number(run.loss));
      spark.firstChild.setAttribute("d", sparkline(run.spark, 72, 20));
      setText(cells.knn, run.knn === null ? "–" : `${fixed(run.knn, 1)} %`);
      setText(cells.speed, run.speed === null ? "–" : `${count(run.speed)} img/s`);
      const text = run.notes.join("\n");
      if (notes.dataset.text !== text) {
        notes.dataset.text = text;
        notes.hidden = run.notes.length === 0;
        notes.replaceChildren(...run.notes.map((n) => h("li", null, n)));
      }
    },
  };
}

function sparkline(values, w, height) {
  if (values.length < 2) return "";
  const low = Math.min(...values), high = Math.max(...values);
  return values.map((v, i) => `${i ? "L" : "M"}${((i * w) / (values.length - 1)).toFixed(1)} ${(height - 2 - ((v - low) / (high - low || 1)) * (height - 4)).toFixed(1)}`).join("");
}
