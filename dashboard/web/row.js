// A row of the table of runs.

import { runsAddress } from "./address.js";
import { h, s, setText } from "./dom.js";
import { ago, count, fixed, moment, number, shortened } from "./format.js";
import { accuracyOf, planned, progress, startText } from "./order.js";

/** row makes a run's table row; set(run, which, chosen) updates it. choose(id, on) is called when it is ticked. */
export function row(first, choose) {
  const cell = (name) => h("td", { class: name });
  const box = h("input", { type: "checkbox", "aria-label": `Compare ${first.name}` });
  box.addEventListener("change", () => choose(first.id, box.checked));
  const parent = first.id.includes("/") ? first.id.slice(0, first.id.lastIndexOf("/") + 1) : "";
  const link = h("a", { title: first.id }, shortened(first.name, 56));
  const kind = h("span", { class: "kind" });
  const tags = h("span", { class: "tags", hidden: true });
  const remark = h("span", { class: "remark", hidden: true });
  const notes = h("ul", { class: "notes", hidden: true });
  const name = h("th", { scope: "row", class: "name" },
    link, parent && h("span", { class: "parent" }, parent), kind, remark, tags, notes);
  const [chip, evidence, badges] = ["chip", "evidence", "badges"].map((n) => h("span", { class: n }));
  const fill = h("span", { class: "fill" }), epochText = h("span");
  const track = h("span", { class: "track", "aria-hidden": "true" }, fill);
  const spent = h("span"), left = h("span", { class: "aside" });
  const lossText = h("span", { class: "number" }), lossOf = h("span", { class: "aside" });
  const spark = s("svg", { class: "spark", viewBox: "0 0 72 20", "aria-hidden": "true" }, s("path", { d: "" }));
  const cells = Object.fromEntries(["method", "ft", "dataset", "started", "knn", "speed"].map((n) => [n, cell(n)]));
  const el = h("tr", { "data-run": first.id }, h("td", { class: "select" }, box), name,
    h("td", { class: "state" }, chip, badges, evidence), cells.method, cells.ft, cells.dataset,
    h("td", { class: "epoch" }, epochText, track), cells.started, h("td", { class: "time" }, spent, left),
    h("td", { class: "loss" }, spark, lossText, lossOf), cells.knn, cells.speed);

  return {
    el,
    set(run, which, chosen) {
      box.checked = chosen;
      link.href = runsAddress([run.id]);
      el.classList.toggle("archived", Boolean(run.remarks.hidden));
      chip.dataset.state = run.state;
      setText(chip, run.state);
      evidence.title = run.evidence;
      setText(evidence, run.state === "running" ? `updated ${ago(run.updated)}` : run.evidence);
      const badge = (b) => h("span", { class: "badge", "data-kind": b.kind }, b.title);
      fillList(badges, run.badges.map((b) => b.title), () => run.badges.map(badge));
      setText(cells.method, run.method || "–");
      setText(cells.ft, { "": "–", posneg: "pos + neg" }[run.ft] ?? run.ft);
      setText(cells.dataset, run.dataset || "–");
      setText(kind, [run.method, run.ft && `FT ${run.ft}`, run.dataset].filter(Boolean).join(" · "));
      const step = run.step ? `step ${count(run.step)}` : "–";
      setText(epochText, run.epochs ? `${run.epoch} / ${run.epochs}` : run.epoch ? String(run.epoch) : step);
      track.hidden = !run.epochs;
      fill.style.width = `${100 * (planned(run) ?? 0)}%`;
      setText(cells.started, startText(run));
      cells.started.title = moment(run.started);
      const [took, more] = progress(run);
      setText(spent, took);
      setText(left, more);
      el.querySelector(".loss").classList.toggle("none", run.loss === null);
      setText(lossText, number(run.loss));
      setText(lossOf, run.loss_of);
      spark.firstChild.setAttribute("d", sparkline(run.spark, 72, 20));
      accuracies(cells.knn, run, which);
      setText(cells.speed, run.speed === null ? "–" : `${count(run.speed)} img/s`);
      remark.hidden = !run.remarks.text;
      setText(remark, run.remarks.text ?? "");
      fillList(tags, run.remarks.tags, () => run.remarks.tags.map((t) => h("span", { class: "tag" }, t)));
      fillList(notes, run.notes, () => run.notes.map((n) => h("li", null, n)));
    },
  };
}

/** fillList replaces the children of a list if its texts have changed, and hides an empty one. */
function fillList(el, texts, children) {
  const text = texts.join("\n");
  if (el.dataset.text === text) return;
  el.dataset.text = text;
  el.hidden = texts.length === 0;
  el.replaceChildren(...children());
}

/** accuracies shows the k-NN accuracy with its epoch, and the results of other protocols. */
function accuracies(el, run, which) {
  const knn = accuracyOf(run, which), untrained = run.knn.untrained;
  const lines = [];
  if (knn) lines.push([`${fixed(knn.value, 1)} %`, `k-NN, epoch ${knn.epoch}`]);
  for (const e of run.evaluations) lines.push([`${fixed(e.value, 1)} %`, e.protocol]);
  if (lines.length === 0) lines.push(["–", untrained === null ? "" : `untrained ${fixed(untrained, 1)} %`]);
  el.classList.toggle("none", !knn && run.evaluations.length === 0 && untrained === null);
  el.title = untrained === null ? "" : `k-NN of the untrained network: ${fixed(untrained, 1)} %`;
  const result = ([value, of]) => h("span", { class: "result" },
    h("span", { class: "number" }, value), h("span", { class: "aside" }, of));
  fillList(el, lines.map((l) => l.join(" ")), () => lines.map(result));
}

function sparkline(values, w, height) {
  if (values.length < 2) return "";
  const low = Math.min(...values), high = Math.max(...values);
  return values.map((v, i) => {
    const x = (i * w) / (values.length - 1), y = height - 2 - ((v - low) / (high - low || 1)) * (height - 4);
    return `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
}
