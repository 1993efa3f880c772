// Parallel coordinates: a line for each run, through its options and its results.

import { path, scale, ticks } from "./axes.js";
import { h, region, s } from "./dom.js";
import { figure } from "./figure.js";
import { number, shortened } from "./format.js";
import { read } from "./guide.js";
import { accuracyOf } from "./order.js";
import { age, ink } from "./palette.js";

const most = 8; // options at a time
const narrowest = 108; // pixels from one axis to the next

/** parallel makes the chart. choose(id, on) chooses a run, chosen() lists the chosen ones. */
export function parallel({ choose, chosen }) {
  let axes = [], runs = [], known = "", near = null;
  const tip = h("div", { class: "values", hidden: true, "aria-hidden": "true" });
  const frame = figure({
    id: "parallel", title: "Options and results", read: read.parallel,
    csv: () => [["run", ...axes.map((a) => a.title)], ...runs.map((r) => [r.id, ...axes.map((a) => a.text(r))])],
    runs: () => runs.map((r) => r.name), picture: () => ({ chart: drawing(960).svg, about: axes.at(-1).title }),
  });
  const scroll = region("Parallel coordinates");
  frame.body.append(scroll, tip);
  const heading = h("h2", { class: "hidden" }, "Parallel coordinates");
  const el = h("section", { class: "parallel", hidden: true }, heading, frame.el);

  /** drawing returns the chart at a width, with the lines by run. */
  function drawing(w) {
    const height = 320, c = ink(), top = 44, bottom = height - 26, left = 24, right = w - 84;
    axes.forEach((a, i) => {
      a.x = left + (i * (right - left)) / Math.max(1, axes.length - 1);
      a.y = a.place(bottom, top);
    });
    const goal = axes.at(-1), picked = new Set(chosen());
    const label = `${runs.length} runs over ${axes.map((a) => a.title).join(", ")}. The table below has the same runs.`;
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, width: w, height, role: "img", "aria-label": label });
    const lines = new Map();
    for (const r of runs) {
      const points = axes.map((a) => [a.x, a.y(r)]).filter(([, y]) => Number.isFinite(y));
      const share = goal.share(r);
      const line = s("path", {
        d: path(points), "data-run": r.id, fill: "none", stroke: share === null ? c.muted : age(share), "stroke-linejoin": "round",
        "stroke-width": picked.has(r.id) ? 3.2 : 1.6, "stroke-opacity": picked.size && !picked.has(r.id) ? 0.3 : 0.9,
      });
      lines.set(r.id, { line, points });
      svg.append(line);
    }
    for (const a of axes) {
      const at = a === axes[0] ? { x: a.x - 16 } : { x: a.x, "text-anchor": "middle" };
      svg.append(s("line", { x1: a.x, x2: a.x, y1: top, y2: bottom, stroke: c.edge, "stroke-width": 1.5 }),
        s("text", { ...at, y: 18, "font-size": 12, "font-weight": 600, fill: c.text }, shortened(a.title, 18)));
      if (a.about) svg.append(s("text", { ...at, y: 32, "font-size": 10, fill: c.muted }, a.about));
      // A halo in the color of the card keeps the text legible over the lines.
      const halo = { stroke: c.card, "stroke-width": 3, "paint-order": "stroke" };
      for (const { at: y, text } of a.marks(bottom, top)) {
        svg.append(s("line", { x1: a.x - 3, x2: a.x + 3, y1: y, y2: y, stroke: c.edge }),
          s("text", { x: a.x + 7, y: y + 4, "font-size": 11, fill: c.muted, ...halo }, shortened(text, 16)));
      }
    }
    return { svg, lines };
  }

  function draw() {
    const w = Math.max(frame.body.clientWidth, narrowest * axes.length);
    const { svg, lines } = drawing(w);
    near = null;
    tip.hidden = true;
    svg.addEventListener("pointermove", (e) => {
      const box = svg.getBoundingClientRect(), run = nearest(lines, e.clientX - box.left, e.clientY - box.top);
      if (run === near) return;
      if (near) lines.get(near.id).line.setAttribute("stroke-width", chosen().includes(near.id) ? 3.2 : 1.6);
      near = run;
      if (run) {
        const { line } = lines.get(run.id);
        line.setAttribute("stroke-width", 4);
        line.setAttribute("stroke-opacity", 1);
      }
      show(run, e.clientX - frame.body.getBoundingClientRect().left);
    });
    svg.addEventListener("pointerleave", () => draw());
    svg.addEventListener("click", () => near && choose(near.id, !chosen().includes(near.id)));
    scroll.replaceChildren(svg);
  }

  function show(run, x) {
    tip.hidden = run === null;
    if (!run) return;
    const value = (a) => h("div", { class: "value plain" }, h("span", null, a.title), h("b", null, a.text(run) || "–"));
    tip.replaceChildren(h("div", { class: "at" }, run.name), ...axes.map(value));
    const beyond = x + tip.offsetWidth + 20 > frame.body.clientWidth;
    tip.style.left = `${Math.max(0, beyond ? x - tip.offsetWidth - 14 : x + 14)}px`;
    tip.style.top = "40px";
  }

  /** nearest returns the run whose line passes within 12 pixels of a point, or null. */
  function nearest(lines, x, y) {
    let best = null, distance = 12;
    for (const r of runs) {
      const { points } = lines.get(r.id);
      for (let i = 0; i + 1 < points.length; i++) {
        const [[x0, y0], [x1, y1]] = [points[i], points[i + 1]];
        if (x < x0 || x > x1) continue;
        const d = Math.abs(y0 + ((x - x0) / (x1 - x0)) * (y1 - y0) - y) / Math.hypot(1, (y1 - y0) / (x1 - x0));
        if (d < distance) [best, distance] = [r, d];
      }
    }
    return best;
  }

  let width = 0;
  const watch = new ResizeObserver(() => {
    if (!el.hidden && el.clientWidth !== width) requestAnimationFrame(draw);
    width = el.clientWidth;
  });
  watch.observe(el);
  const redraw = () => !el.hidden && draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    set(next, options, which) {
      runs = next;
      const { shown, left } = optionAxes(runs, options);
      axes = [...shown, ...resultAxes(runs, which)];
      const now = JSON.stringify([runs.map((r) => [r.id, ...axes.map((a) => a.text(r))]), chosen(), left]);
      el.hidden = runs.length === 0;
      if (el.hidden || now === known) return;
      known = now;
      frame.say(left > 0 ? `${left} more options differ: filter the runs to see them` : "");
      draw();
    },
    close() {
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}

/**
 * optionAxes makes an axis for each option in which the runs differ. Options that divide
 * the runs in the same way are one axis, called as the first of them, or ft, which sets several.
 */
function optionAxes(runs, options) {
  const seen = new Map();
  for (const o of options) {
    const values = runs.map((r) => o.values[r.id]);
    const distinct = [...new Set(values)];
    if (distinct.length < 2) continue;
    const division = JSON.stringify(values.map((v) => distinct.indexOf(v)));
    const same = seen.get(division);
    if (!same) seen.set(division, { o, others: [] });
    else if (o.title === "ft") seen.set(division, { o, others: [same.o.title, ...same.others] });
    else same.others.push(o.title);
  }
  const list = [...seen.values()].map(({ o, others }) => {
    const text = (r) => o.values[r.id] ?? "";
    const texts = runs.map(text).filter((t) => t !== ""), numeric = texts.every((t) => Number.isFinite(+t));
    const about = others.length ? shortened(`and ${others.join(", ")}`, 20) : "";
    if (!numeric) return wordAxis(o.title, runs, text, about);
    return numberAxis(o.title, runs, (r) => (text(r) === "" ? null : +text(r)), text, about);
  });
  return { shown: list.slice(0, most), left: Math.max(0, list.length - most) };
}

function resultAxes(runs, which) {
  const loss = numberAxis("Loss", runs, (r) => r.loss, (r) => number(r.loss));
  const value = (r) => (accuracyOf(r, which) ?? r.evaluations[0])?.value ?? null;
  if (runs.every((r) => value(r) === null)) { // then the lowest loss is best
    return [{ ...loss, share: (r) => (loss.share(r) === null ? null : 1 - loss.share(r)) }];
  }
  return [loss, numberAxis("Accuracy", runs, value, (r) => (value(r) === null ? "–" : `${value(r).toFixed(1)} %`))];
}

function numberAxis(title, runs, value, text, about = "") {
  const values = runs.map(value).filter((v) => v !== null && Number.isFinite(v));
  let low = Math.min(...values), high = Math.max(...values);
  const log = low > 0 && high / low >= 20;
  if (!(high > low)) [low, high] = [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  const known = (v) => v !== null && Number.isFinite(v);
  return {
    title, about: log ? ["log", about].filter(Boolean).join(", ") : about, text,
    place: (bottom, top) => {
      const y = scale(low, high, bottom, top, log);
      return (r) => (known(value(r)) ? y(value(r)) : NaN);
    },
    marks(bottom, top) {
      const y = scale(low, high, bottom, top, log);
      return values.length ? ticks(low, high, 5, { log }).map((t) => ({ at: y(t.value), text: t.text })) : [];
    },
    share: (r) => (known(value(r)) ? scale(low, high, 0, 1, log)(value(r)) : null),
  };
}

function wordAxis(title, runs, text, about) {
  const words = [...new Set(runs.map(text))].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const at = (word, bottom, top) => bottom + ((top - bottom) * (words.indexOf(word) + 0.5)) / words.length;
  return {
    title, about, text,
    place: (bottom, top) => (r) => at(text(r), bottom, top),
    marks: (bottom, top) => words.map((word) => ({ at: at(word, bottom, top), text: word || "–" })),
    share: (r) => (words.indexOf(text(r)) + 0.5) / words.length,
  };
}
