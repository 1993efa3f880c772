// What another temperature would have done: InfoNCE from the histograms of the scores, as scores/temperature.go
// computes it, with a slider.

import { setting } from "./address.js";
import { h } from "./dom.js";
import { number } from "./format.js";

const wanted = setting("tau", 0, { valid: (v) => v >= 0 && v <= 10 }); // 0: the run's

const sum = (list) => list.reduce((a, b) => a + b, 0);
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** exponential returns the means of exp(s/t) and s·exp(s/t) for s spread evenly from low to high. */
function exponential(low, high, t) {
  if ((high - low) / t < 1e-4) {
    const mean = Math.exp((low + high) / 2 / t);
    return [mean, (mean * (low + high)) / 2];
  }
  const [a, b] = [Math.exp(low / t), Math.exp(high / t)],
    mean = ((b - a) * t) / (high - low);
  return [mean, ((high * b - low * a) * t) / (high - low) - mean * t];
}

/** replay computes InfoNCE at temperature t from counts of positives and negatives; null without any. */
export function replay(pos, neg, t) {
  const queries = sum(pos.counts),
    k = sum(neg.counts) / queries,
    top = neg.edges.at(-1);
  if (!(queries > 0 && k > 0)) return null;
  let z = 0,
    weighted = 0;
  neg.counts.forEach((count, i) => {
    if (!count) return;
    const [e, s] = exponential(neg.edges[i] - top, neg.edges[i + 1] - top, t);
    z += count * e;
    weighted += count * s;
  });
  const out = { effective: Math.exp(Math.log(z) - weighted / z / t - Math.log(queries)), chance: Math.log(k + 1), loss: 0, pull: 0 };
  const all = Math.log(z / queries) + top / t;
  pos.counts.forEach((count, i) => {
    const [low, high] = [pos.edges[i], pos.edges[i + 1]];
    for (const [point, weight] of [
      [low, 1 / 6],
      [(low + high) / 2, 4 / 6],
      [high, 1 / 6],
    ]) {
      const margin = all - point / t;
      out.loss += (count * weight * softplus(margin)) / queries;
      out.pull += (count * weight) / (1 + Math.exp(-margin)) / queries;
    }
  });
  out.hardest = [1, 10, 100].map((hardest) => {
    let left = hardest * queries,
      share = 0;
    for (let i = neg.counts.length - 1; i >= 0 && left > 0; i--) {
      let count = neg.counts[i],
        low = neg.edges[i] - top;
      const high = neg.edges[i + 1] - top;
      if (count > left) {
        low = high - ((high - low) * left) / count;
        count = left;
      }
      if (count > 0) share += (count * exponential(low, high, t)[0]) / z;
      left -= count;
    }
    return share;
  });
  return out;
}

const without = ["target", "none"]; // --mem of losses without negatives, which have no temperature

const percent = (share) => `${number(100 * share, 3)} %`;
const rows = [
  ["loss", "Loss", (r) => number(r.loss)],
  ["chance", "of chance, ln(K+1)", (r) => percent(r.loss / r.chance)],
  ["effective", "Effective negatives", (r) => number(r.effective, 3)],
  ["pull", "Negatives in the softmax", (r) => percent(r.pull)],
  ["hardest", "Gradient of the hardest", (r) => percent(r.hardest[0])],
  ["hardest10", "of the 10 hardest", (r) => percent(r.hardest[1])],
  ["hardest100", "of the 100 hardest", (r) => percent(r.hardest[2])],
];

/** temperature is the panel. show(run, pos, neg) shows histograms with edges and counts; hide() shows nothing. */
export function temperature() {
  let given = null;
  const slider = h("input", {
    type: "range",
    name: "tau",
    min: -4.6,
    max: 0.7,
    step: 0.02,
    "aria-label": "Temperature",
    oninput: () => {
      wanted.set(+Math.exp(+slider.value).toPrecision(2));
      draw();
    },
  });
  const value = h("output"),
    body = h("tbody"),
    back = h("button", { type: "button", onclick: () => (wanted.set(0), draw()) }, "The run’s");
  const table = h(
    "table",
    { class: "options" },
    h(
      "thead",
      null,
      h("tr", null, h("th", { scope: "col" }, "With features as they are"), h("th", { scope: "col", class: "own" }, ""), h("th", { scope: "col", class: "other" }, "")),
    ),
    body,
  );
  const el = h(
    "section",
    { class: "temperature", hidden: true },
    h("h2", null, "What another temperature would have done"),
    h("label", { class: "slider" }, "τ", slider, value),
    back,
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Temperatures" }, table),
    h(
      "p",
      { class: "small" },
      "Computed from the distributions above, as if the negatives of all queries were alike. It is what the next step " +
        "would have seen, not what a training would have become; below τ = 0.1 it is rough. It is InfoNCE of all recorded scores, without --mask_self.",
    ),
  );

  function draw() {
    const { nce_t, mem } = given.run.config ?? {},
      own = without.includes(mem) ? 0 : +nce_t,
      t = wanted.get() || own,
      [mine, other] = [own, t].map((t) => replay(given.pos, given.neg, t));
    el.hidden = !(own > 0) || !mine || !other;
    if (el.hidden) return;
    slider.value = Math.log(t);
    value.textContent = number(t, 2);
    slider.setAttribute("aria-valuetext", value.textContent);
    table.querySelector(".own").textContent = `τ = ${number(own, 3)}, the run’s`;
    table.querySelector(".other").textContent = `τ = ${number(t, 3)}`;
    body.replaceChildren(
      ...rows.map(([id, name, text]) =>
        h("tr", { "data-row": id }, h("th", { scope: "row" }, name), h("td", null, text(mine)), h("td", null, text(other))),
      ),
    );
  }

  return {
    el,
    show(run, pos, neg) {
      given = { run, pos, neg };
      draw();
    },
    hide() {
      el.hidden = true;
    },
  };
}
