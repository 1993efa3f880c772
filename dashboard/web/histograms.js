// Histograms over time as a heat map or ridgelines, and the distributions at the
// selected step before and after the feature transformation.

import { getHistogram } from "./api.js";
import { axes, path, scale } from "./axes.js";
import { h, s } from "./dom.js";
import { figure } from "./figure.js";
import { count, number } from "./format.js";
import { read } from "./guide.js";
import { emptyPlot } from "./linechart.js";
import { color, heat, ink } from "./palette.js";

export const kindTitle = { pos: "Positives", neg: "Negatives", raw_pos: "Positives before FT", raw_neg: "Negatives before FT" };
const settings = { style: "heat", before: false };

/**
 * trimmed removes bins at both ends that have less than a 500th of all scores, and
 * returns each row's densities. It also removes end bins beyond [-1, 1]: they collect
 * everything further out, and would look like a spike.
 */
export function trimmed(data) {
  const total = data.edges.slice(1).map((_, i) => data.rows.reduce((sum, row) => sum + row.counts[i], 0));
  const all = total.reduce((a, b) => a + b, 0);
  if (all === 0) return null;
  const low = data.edges[0] < -1 ? 1 : 0, high = total.length - (data.edges.at(-1) > 1 ? 2 : 1);
  let first = low, last = high;
  for (let sum = total[first]; sum < all / 500 && first < high; sum += total[first]) first++;
  for (let sum = total[last]; sum < all / 500 && last > first; sum += total[last]) last--;
  first = Math.max(low, first - 2);
  last = Math.min(high, last + 2);
  const edges = data.edges.slice(first, last + 2);
  const rows = data.rows.map((r) => {
    const counts = r.counts.slice(first, last + 1), sum = r.counts.reduce((a, b) => a + b, 0);
    return { step: r.step, n: r.n, counts, density: counts.map((c) => (sum ? c / sum / (edges[1] - edges[0]) : 0)) };
  });
  return { edges, rows };
}

/** usual returns the height of most rows. The spike of an untrained network would dwarf all others. */
function usual(rows) {
  const tops = rows.map((r) => Math.max(...r.density)).sort((a, b) => a - b);
  return Math.min(tops.at(-1), 1.25 * tops[Math.floor(tops.length * 0.85)]) || 1;
}

export function histogramsTab(first) {
  let runs = first, run = first[0], data = {}, at = null, closed = false, asked = 0;
  const which = h("select", { "aria-label": "Run", onchange: () => {
    run = runs[which.selectedIndex];
    load();
  } }, runs.map((r) => h("option", null, r.label)));
  const radio = (value, label) => h("label", { class: "check" }, h("input", { type: "radio", name: "style", value, checked: settings.style === value, onchange: () => {
    settings.style = value;
    draw();
  } }), label);
  const before = h("label", { class: "check" }, h("input", { type: "checkbox", name: "before", checked: settings.before, onchange: (e) => {
    settings.before = e.target.checked;
    draw();
  } }), "Before FT");
  const slider = h("input", { type: "range", name: "time", min: 0, max: 0, step: 1, value: 0, "aria-label": "Time", oninput: () => {
    at = +slider.value === +slider.max ? null : +slider.value;
    draw();
  } });
  const time = h("output");
  const toolbar = h("div", { class: "toolbar", role: "group", "aria-label": "Histograms" }, runs.length > 1 && which, radio("heat", "Heat map"), radio("ridges", "Ridgelines"), before);
  const play = h("label", { class: "slider time" }, "Time", slider, time);
  const frames = {};
  const frame = (id, title, text) => (frames[id] = figure({ id, title, read: text, svg: () => frames[id].body.querySelector("svg").cloneNode(true), csv: () => table(id) }));
  const grid = h("div", { class: "grid wide" }, frame("pos", "Positives over time", read.heat).el, frame("neg", "Negatives over time", read.heat).el);
  const now = frame("distribution", "Distributions", read.distribution);
  const none = h("div", { hidden: true });
  const el = h("div", { class: "histograms" }, toolbar, none, h("div", { class: "content" }, grid, play, now.el));

  async function load() {
    const ticket = ++asked, kinds = run.kinds.filter((k) => kindTitle[k] && (run.onset > 0 || !k.startsWith("raw_")));
    const answers = await Promise.allSettled(kinds.map((k) => getHistogram(run.id, k, 0, 2 ** 31, 120)));
    if (closed || ticket !== asked) return;
    data = {};
    answers.forEach((a, i) => {
      const t = a.status === "fulfilled" && trimmed(a.value);
      if (t) data[kinds[i]] = t;
    });
    const any = data.pos ?? data.neg;
    none.hidden = Boolean(any);
    el.querySelector(".content").hidden = !any;
    if (!any) {
      none.replaceChildren(emptyPlot(run.kinds.length ? "The first histograms are being written." : "This run has no histograms. Train with --record for those of every step, or with --save_score for the positives."));
      return;
    }
    before.hidden = !data.raw_pos && !data.raw_neg;
    frames.neg.el.hidden = !data.neg;
    slider.max = any.rows.length - 1;
    if (at === null) slider.value = slider.max;
    draw();
  }

  const rowAt = () => Math.min(at ?? Infinity, (data.pos ?? data.neg).rows.length - 1);

  function draw() {
    if (!data.pos && !data.neg) return;
    for (const kind of ["pos", "neg"]) {
      const k = settings.before && data[`raw_${kind}`] ? `raw_${kind}` : kind;
      const d = data[k];
      if (!d) continue;
      const w = Math.max(260, frames[kind].body.clientWidth);
      const draw = settings.style === "heat" ? heatMap : ridges;
      const onset = run.onset > 0 && !k.startsWith("raw_") ? run.onset : 0;
      frames[kind].body.replaceChildren(draw(d, w, { title: kindTitle[k], step: d.rows[Math.min(rowAt(), d.rows.length - 1)].step, last: run.last, onset, color: color(kind === "pos" ? 0 : 1) }));
      frames[kind].say(k.startsWith("raw_") ? "before FT" : data[`raw_${kind}`] ? "after FT" : "");
    }
    const rows = (data.pos ?? data.neg).rows, row = rows[rowAt()], end = rows[rowAt() + 1]?.step - 1 || run.last;
    const text = end > row.step ? `steps ${count(row.step)} to ${count(end)}` : `step ${count(row.step)}`;
    time.textContent = text;
    slider.setAttribute("aria-valuetext", text);
    now.body.replaceChildren(distributions(Math.max(260, now.body.clientWidth)));
    now.say(text);
  }

  function distributions(w) {
    const height = 280, c = ink(), box = { left: 58, right: w - 14, top: 34, bottom: height - 44 };
    const curves = Object.entries(data).map(([kind, d]) => {
      const step = (data.pos ?? data.neg).rows[rowAt()].step;
      let i = d.rows.findLastIndex((r) => r.step <= step);
      return { kind, edges: d.edges, density: d.rows[Math.max(0, i)].density };
    });
    const low = Math.min(...curves.map((k) => k.edges[0])), high = Math.max(...curves.map((k) => k.edges.at(-1)));
    const top = Math.max(...curves.flatMap((k) => k.density));
    const x = scale(low, high, box.left, box.right), y = scale(0, top * 1.05, box.bottom, box.top);
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": `Distributions of scores: ${curves.map((k) => kindTitle[k.kind]).join(", ")}` }, axes(box, x, y, { x: "score", y: "density" }));
    let at = box.left;
    for (const k of curves) {
      const raw = k.kind.startsWith("raw_"), paint = color(k.kind.endsWith("pos") ? 0 : 1);
      const points = k.density.map((v, i) => [x((k.edges[i] + k.edges[i + 1]) / 2), y(v)]);
      if (!raw) svg.append(s("path", { d: `${path([[points[0][0], y(0)], ...points, [points.at(-1)[0], y(0)]])}Z`, fill: paint, "fill-opacity": 0.22 }));
      svg.append(s("path", { d: path(points), fill: "none", stroke: paint, "stroke-width": raw ? 1.5 : 2, "stroke-dasharray": raw ? "5 4" : null, "stroke-linejoin": "round" }));
      svg.append(s("line", { x1: at, x2: at + 18, y1: 14, y2: 14, stroke: paint, "stroke-width": 2, "stroke-dasharray": raw ? "5 4" : null }), s("text", { x: at + 24, y: 18, "font-size": 11, fill: c.text }, w < 420 ? kindTitle[k.kind].replace("Positives", "Pos.").replace("Negatives", "Neg.") : kindTitle[k.kind]));
      at += w < 420 ? 76 : 44 + kindTitle[k.kind].length * 6.6;
    }
    return svg;
  }

  function table(id) {
    if (id === "distribution") {
      const step = (data.pos ?? data.neg).rows[rowAt()].step;
      return [["histogram", "step", "from", "to", "count"], ...Object.entries(data).flatMap(([kind, d]) => rowsOf(kind, d, d.rows.filter((r) => r.step === step)))];
    }
    const kind = settings.before && data[`raw_${id}`] ? `raw_${id}` : id;
    return [["histogram", "step", "from", "to", "count"], ...rowsOf(kind, data[kind], data[kind].rows)];
  }

  const watch = new ResizeObserver(() => draw());
  watch.observe(el);
  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    refresh(next) {
      runs = next;
      run = runs[Math.max(0, which.selectedIndex)];
      return load();
    },
    close() {
      closed = true;
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}

const rowsOf = (kind, d, rows) => rows.flatMap((r) => r.counts.map((c, i) => [kind, r.step, number(d.edges[i], 6), number(d.edges[i + 1], 6), c]));

/** heatMap draws steps from left to right, scores upwards, and density as brightness. */
function heatMap(d, w, { title, step, last, onset }) {
  const height = 300, c = ink(), box = { left: 58, right: w - 14, top: 10, bottom: height - 44 };
  const canvas = document.createElement("canvas");
  canvas.width = d.rows.length;
  canvas.height = d.edges.length - 1;
  const g = canvas.getContext("2d"), pixels = g.createImageData(canvas.width, canvas.height);
  const top = usual(d.rows);
  d.rows.forEach((r, i) => r.density.forEach((v, j) => {
    const k = 4 * ((canvas.height - 1 - j) * canvas.width + i);
    pixels.data.set([...heat(Math.sqrt(v / top)), 255], k); // the square root keeps thin tails visible
  }));
  g.putImageData(pixels, 0, 0);
  const x = scale(d.rows[0].step, Math.max(last, d.rows[0].step + 1), box.left, box.right), y = scale(d.edges[0], d.edges.at(-1), box.bottom, box.top);
  const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": `Heat map: ${title}, steps ${count(d.rows[0].step)} to ${count(last)}, scores ${number(d.edges[0], 2)} to ${number(d.edges.at(-1), 2)}` },
    axes(box, x, y, { x: "step", y: "score", steps: true }),
    s("image", { href: canvas.toDataURL(), x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, preserveAspectRatio: "none", "image-rendering": "pixelated" }));
  if (onset > x.low && onset <= x.high) {
    svg.append(s("line", { x1: x(onset), x2: x(onset), y1: box.top, y2: box.bottom, stroke: "#ffffff", "stroke-width": 1.5, "stroke-dasharray": "4 4" }),
      s("text", { x: x(onset) + 6, y: box.top + 15, "font-size": 11, fill: "#ffffff", "paint-order": "stroke", stroke: "#00224e", "stroke-width": 3 }, "FT starts"));
  }
  svg.append(s("line", { x1: x(step), x2: x(step), y1: box.top, y2: box.bottom, stroke: c.accent, "stroke-width": 2 }));
  return svg;
}

/** ridges draws about twenty distributions, each a little below the one before. */
function ridges(d, w, { title, step, color }) {
  const height = 300, c = ink(), box = { left: 58, right: w - 14, top: 54, bottom: height - 44 };
  const n = Math.min(20, d.rows.length), top = usual(d.rows);
  const x = scale(d.edges[0], d.edges.at(-1), box.left, box.right);
  const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": `Ridgelines: ${title}, oldest at the top` }, axes({ ...box, top: 10 }, x, scale(0, 1, 0, 0), { x: "score", y: "" }));
  svg.firstChild.querySelectorAll("line[y1='0'], text[text-anchor='end']").forEach((el) => el.remove());
  const chosen = d.rows.findLastIndex((r) => r.step <= step);
  for (let i = 0; i < n; i++) {
    const at = n > 1 ? Math.round((i * (d.rows.length - 1)) / (n - 1)) : 0, row = d.rows[at];
    const y0 = box.top + ((box.bottom - box.top) * (n > 1 ? i : 1)) / Math.max(1, n - 1);
    const points = row.density.map((v, j) => [x((d.edges[j] + d.edges[j + 1]) / 2), y0 - Math.min(1.4, v / top) * 56]);
    const near = Math.abs(at - chosen) <= d.rows.length / n / 2;
    svg.append(s("path", { d: `${path([[points[0][0], y0], ...points, [points.at(-1)[0], y0]])}Z`, fill: c.card, "fill-opacity": 0.86 }),
      s("path", { d: `${path(points)}`, fill: color, "fill-opacity": near ? 0.5 : 0.12, stroke: color, "stroke-width": near ? 2.2 : 1.2 }));
    if (i % 4 === 0 || i === n - 1) svg.append(s("text", { x: box.left - 8, y: y0 + 4, "font-size": 11, "text-anchor": "end", fill: c.muted }, count(row.step)));
  }
  return svg;
}
