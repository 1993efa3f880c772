// The page of a study: differences from the baseline with intervals, tables, and every command line.

import { runsAddress } from "./address.js";
import { getStudy } from "./api.js";
import { scale, ticks } from "./axes.js";
import { h, headings, region, s } from "./dom.js";
import { duration, shortened } from "./format.js";
import { color, ink } from "./palette.js";

const minus = (text) => text.replaceAll("-", "−");
/** fixed shows a value with as many decimals, rounded as in study.md: ties to even. */
export function fixed(v, places) {
  const last = v * 10 ** places; // a tie has an exact half there, and is a sum of few powers of 2
  const tie = Number.isInteger(v * 2 ** (places + 1)) && Math.abs(last % 1) === 0.5;
  return (tie ? (2 * Math.round(last / 2)) / 10 ** places : v).toFixed(places);
}

/** numbers returns functions that show values and differences with as many decimals. */
function numbers(places) {
  const plain = (v) => minus(fixed(v, places));
  return { plain, signed: (v) => (v < 0 || Object.is(v, -0) ? "" : "+") + plain(v) };
}

/** beside tells how many values are behind an estimate where they are not as many as the arm has trainings. */
const beside = (n, runs, what) => (!n || n === runs ? "" : ` (${n} ${what}${n === 1 ? "" : "s"})`);

/** estimate shows a mean with its interval. */
const estimate = (e, number) => (!e?.n ? "" : e.low === null ? number(e.mean) : `${number(e.mean)} [${number(e.low)}, ${number(e.high)}]`);

export function studyView(id) {
  const body = h("div", null, h("p", { class: "lead" }, "Reading the study"));
  const el = h("section", { class: "study" }, body);
  let shown = "", closed = false, last = null;

  async function refresh() {
    let study;
    try {
      study = await getStudy(id);
    } catch (error) {
      if (!closed) body.replaceChildren(h("p", { class: "empty" }, error.message));
      return;
    }
    const text = JSON.stringify(study);
    if (closed || text === shown) return;
    shown = text;
    last = study;
    draw();
  }

  function draw() {
    if (!last) return;
    document.title = `${last.title} · contralens`;
    const top = window.scrollY;
    body.replaceChildren(...page(last));
    window.scrollTo(0, top);
  }
  window.addEventListener("themechange", draw);
  refresh();
  return {
    el,
    update: refresh,
    goTo: (where) => where?.study === id,
    close() {
      closed = true;
      window.removeEventListener("themechange", draw);
    },
  };
}

function page(study) {
  const parts = [
    h("h1", null, study.title),
    h("p", { class: "lead", role: "status" }, `${study.done} of ${study.cells.length} trainings done`),
    h("p", { class: "sentences" }, study.sentences.join(" ")),
  ];
  const panels = study.measures.map((m) => panel(study, m)).filter(Boolean);
  if (panels.length) parts.push(h("div", { class: "panels" }, panels));
  parts.push(h("h2", null, "Results"), results(study));
  if (study.trials?.length) parts.push(h("h2", null, "Tuning"), tuning(study));
  parts.push(h("h2", null, "Trainings"), cells(study), h("h2", null, "Command lines"),
    h("pre", { tabindex: 0, "aria-label": "Command lines" }, study.lines?.join("\n") ?? ""));
  return parts;
}

/** panel draws the differences of a measure: a dot for each seed, the mean, and the interval as a bar. */
function panel(study, measure) {
  const arms = study.arms.map((a, index) => ({ a, index, d: a.measures[measure].difference, pairs: a.measures[measure].differences ?? [] }))
    .filter((r) => r.d.n > 0);
  if (arms.length === 0) return null;
  const c = ink(), w = 440, left = 130, right = w - 16, top = 8, row = 34, bottom = top + arms.length * row;
  const values = arms.flatMap((r) => [0, r.d.mean, r.d.low ?? r.d.mean, r.d.high ?? r.d.mean, ...r.pairs.map((p) => p.value)]);
  const low = Math.min(...values), high = Math.max(...values), margin = 0.05 * (high - low) || 1;
  const x = scale(low - margin, high + margin, left, right);
  const { signed } = numbers(study.places[measure]);
  const words = arms.map((r) => `${r.a.name} ${estimate(r.d, signed)}`).join("; ");
  const svg = s("svg", { viewBox: `0 0 ${w} ${bottom + 40}`, role: "img", "aria-label": `Differences from ${study.baseline}: ${words}` });
  for (const { value, text } of ticks(low - margin, high + margin, 6)) {
    svg.append(s("line", { x1: x(value), x2: x(value), y1: top, y2: bottom, stroke: c.line }),
      s("text", { x: x(value), y: bottom + 16, "text-anchor": "middle", "font-size": 11, fill: c.muted }, text));
  }
  svg.append(s("line", { x1: x(0), x2: x(0), y1: top, y2: bottom, stroke: c.text, "stroke-width": 1.5 }));
  arms.forEach((r, i) => {
    const y = top + (i + 0.5) * row, paint = color(r.index);
    svg.append(s("text", { x: left - 10, y: y + 4, "text-anchor": "end", "font-size": 12, fill: c.text }, s("title", null, r.a.name),
      shortened(r.a.name, 18)));
    for (const p of r.pairs) {
      svg.append(s("circle", { cx: x(p.value), cy: y + 9, r: 3, fill: paint, "fill-opacity": 0.5 }, s("title", null, `seed ${p.seed}: ${signed(p.value)}`)));
    }
    if (r.d.low !== null) {
      svg.append(s("line", { x1: x(r.d.low), x2: x(r.d.high), y1: y, y2: y, stroke: paint, "stroke-width": 4, "stroke-linecap": "round" }));
    }
    svg.append(s("circle", { cx: x(r.d.mean), cy: y, r: 6, fill: paint }, s("title", null, estimate(r.d, signed))));
  });
  svg.append(s("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle", "font-size": 11, fill: c.muted },
    `difference from ${study.baseline}${study.units[measure]}`));
  return h("figure", { class: "panel", "data-measure": measure }, h("h2", null, study.titles[measure]), svg);
}

function results(study) {
  const tuned = Boolean(study.tuned_by);
  const titles = ["Arm", "Trainings", ...(tuned ? ["Chosen"] : []), ...study.measures.flatMap((m) => [study.titles[m], "Difference"])];
  const rows = study.arms.map((a) => {
    const runs = a.failed ? `${a.runs} (${a.failed} failed)` : study.untuned?.includes(a.name) ? `${a.runs} (every setting failed)` : a.runs;
    const base = a.name === study.baseline;
    return h("tr", { class: base ? "baseline" : null, "data-arm": a.name }, h("th", { scope: "row", title: a.options || null }, a.name), h("td", null, String(runs)),
      tuned && h("td", null, a.setting ?? ""),
      study.measures.flatMap((m) => {
        const { plain, signed } = numbers(study.places[m]);
        const { difference, ...mean } = a.measures[m];
        return [h("td", null, estimate(mean, plain) + beside(mean.n, a.runs, "run")),
          h("td", null, base ? "baseline" : estimate(difference, signed) + beside(difference.n, a.runs, "pair"))];
      }));
  });
  return region("Results", h("table", null, headings(titles), h("tbody", null, rows)));
}

function tuning(study) {
  const rounds = study.trials.some((t) => t.epochs);
  const rows = study.trials.map((t) => h("tr", null, h("th", { scope: "row" }, t.arm), h("td", null, t.setting), rounds && h("td", null, String(t.epochs)), h("td", null, String(t.n)),
    h("td", null, t.mean === null ? "" : numbers(2).plain(t.mean)), h("td", null, t.kept ? "yes" : "")));
  return region("Tuning", h("table", null, headings(["Arm", "Setting", ...(rounds ? ["Epochs"] : []), "Trainings", `${study.titles[study.tuned_by]} on validation`, "Kept"]), h("tbody", null, rows)));
}

function cells(study) {
  const rows = study.cells.map((c) => {
    const name = study.runs[c.name] ? h("a", { href: runsAddress([study.runs[c.name]]) }, c.name) : c.name;
    return h("tr", { "data-cell": c.name }, h("th", { scope: "row" }, name), h("td", { class: c.state === "failed" ? "failed" : null }, c.state),
      study.measures.map((m) => h("td", null, c.scores?.[m] === undefined ? "" : numbers(study.places[m]).plain(c.scores[m]))),
      h("td", null, c.seconds ? duration(c.seconds) : ""), h("td", { class: "wide" }, c.reason ?? ""));
  });
  const titles = ["Training", "State", ...study.measures.map((m) => study.titles[m]), "Time", "Reason"];
  return region("Trainings", h("table", null, headings(titles), h("tbody", null, rows)));
}
