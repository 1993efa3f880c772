// The 3-D view: distributions of a run over time, or a statistic of several runs, as
// curves one behind the other. It can be turned.

import { getCurves, getHistogram } from "./api.js";
import { path } from "./axes.js";
import { h, s } from "./dom.js";
import { figure } from "./figure.js";
import { number, short } from "./format.js";
import { charts, read } from "./guide.js";
import { smoothed } from "./curves.js";
import { trimmed } from "./heatmap.js";
import { kindTitle } from "./histograms.js";
import { emptyPlot } from "./linechart.js";
import { age, color, ink } from "./palette.js";

const view = { turn: -0.55, tilt: 0.5 }; // in radians: around the vertical axis, downwards
const limits = { turn: [-1.3, 1.3], tilt: [0.08, 1.35] };

export function waterfallTab(first) {
  let runs = first, scene = null, closed = false, asked = 0;
  const what = h("select", { "aria-label": "Chart", onchange: () => load() });
  const button = (label, text, turn, tilt) => h("button", { type: "button", "aria-label": label, title: label, onclick: () => rotate(turn, tilt) }, text);
  const toolbar = h("div", { class: "toolbar", role: "group", "aria-label": "3-D view" }, what,
    h("span", { class: "zoom" }, button("Turn left", "↶", -0.15, 0), button("Turn right", "↷", 0.15, 0), button("From above", "↑", 0, 0.12), button("From the side", "↓", 0, -0.12)));
  const frame = figure({ id: "3d", title: "Landscape", read: read.waterfall, picture: () => ({ chart: frame.body.querySelector("svg").cloneNode(true) }), csv: () => table(), runs: () => runs.map((r) => r.label) });
  frame.body.tabIndex = 0;
  frame.body.classList.add("turnable");
  frame.body.setAttribute("role", "application");
  frame.body.setAttribute("aria-roledescription", "3-D chart");
  const el = h("div", { class: "waterfall" }, toolbar, frame.el);

  function choices() {
    const list = [];
    for (const r of runs) for (const k of r.kinds) {
      if (kindTitle[k] && (r.onset > 0 || !k.startsWith("raw_"))) list.push({ key: `h ${k} ${r.index}`, label: `${kindTitle[k]} over time${runs.length > 1 ? `: ${r.label}` : ""}`, run: r, kind: k });
    }
    if (runs.length > 1) {
      const curves = charts(runs).filter((c) => !["lambda", "lr"].includes(c.id)).map((c) => ({ key: `c ${c.id}`, label: `${c.title}, run by run`, chart: c }));
      const first = curves.findIndex((c) => c.chart.id === "neg_mean");
      list.unshift(...curves.splice(Math.max(0, first), 1), ...curves);
    }
    return list;
  }

  async function load() {
    const list = choices(), keys = list.map((c) => c.key).join();
    if (what.dataset.keys !== keys) {
      const was = what.value;
      what.dataset.keys = keys;
      what.replaceChildren(...list.map((c) => h("option", { value: c.key }, c.label)));
      if (list.some((c) => c.key === was)) what.value = was;
    }
    const choice = list.find((c) => c.key === what.value);
    const ticket = ++asked;
    what.hidden = !choice;
    if (!choice) {
      scene = null;
      frame.body.replaceChildren(emptyPlot("This run has no histograms. Train with --record, or select two runs in the overview to see their statistics one behind the other."));
      return;
    }
    const next = choice.chart ? await runsScene(choice.chart) : await timeScene(choice);
    if (closed || ticket !== asked) return;
    scene = next;
    draw();
  }

  async function timeScene({ run, kind, label }) {
    const d = trimmed(await getHistogram(run.id, kind, 0, 2 ** 31, 44));
    if (!d) return null;
    const x = d.edges.slice(1).map((e, i) => (e + d.edges[i]) / 2);
    return {
      title: label, x: { title: "score", text: (v) => number(v, 2) }, z: "step",
      curves: d.rows.map((r, i) => ({ name: String(r.step), text: short(r.step), x, y: r.density, age: i / Math.max(1, d.rows.length - 1) })),
      columns: ["step", "score", "density"],
    };
  }

  async function runsScene(chart) {
    const name = chart.series[0];
    const all = await Promise.all(runs.map((r) => getCurves(r.id, [name], 0, 2 ** 31, 160)));
    const curves = all.map((a, i) => ({ run: runs[i], c: a.curves[name] })).filter((k) => k.c?.step.length);
    return {
      title: chart.title, x: { title: "step", text: short }, z: "run",
      curves: curves.map(({ run, c }) => ({ name: run.id, text: run.label, x: c.step, y: smoothed(c.mean, 0.7), run })),
      columns: ["run", "step", name],
    };
  }

  /** draw projects the curves and paints them from back to front. */
  function draw() {
    if (!scene) return;
    const w = Math.max(280, frame.body.clientWidth), height = Math.max(280, Math.min(460, w * 0.62)), c = ink();
    const flat = (k) => scene.curves.flatMap((v) => v[k]);
    const [x0, x1, y0, y1] = [Math.min(...flat("x")), Math.max(...flat("x")), Math.min(...flat("y"), scene.z === "run" ? Infinity : 0), Math.max(...flat("y"))];
    const n = scene.curves.length;
    // The scene is a box of 1 x 0.55 x 1 around the origin; depth 1 is the back.
    const unit = (x, y, z) => {
      const u = x - 0.5, v = z - 0.5;
      const right = u * Math.cos(view.turn) - v * Math.sin(view.turn), back = u * Math.sin(view.turn) + v * Math.cos(view.turn);
      const up = (y - 0.275) * Math.cos(view.tilt) + back * Math.sin(view.tilt);
      const near = 1 / (1 + 0.22 * (back * Math.cos(view.tilt)));
      return [right * near, -up * near];
    };
    // Whatever the angle, the box fills the chart except for the margins of the labels.
    const corners = [0, 1].flatMap((x) => [0, 0.55].flatMap((y) => [0, 1].map((z) => unit(x, y, z))));
    const span = (k) => [Math.min(...corners.map((p) => p[k])), Math.max(...corners.map((p) => p[k]))];
    const [left, right] = span(0), [top, bottom] = span(1);
    const margin = { side: Math.min(90, w * 0.15), top: 12, bottom: 48 };
    const size = Math.min((w - 2 * margin.side) / (right - left), (height - margin.top - margin.bottom) / (bottom - top));
    const project = (x, y, z) => {
      const p = unit(x, y, z);
      return [w / 2 + (p[0] - (left + right) / 2) * size, (height + margin.top - margin.bottom) / 2 + (p[1] - (top + bottom) / 2) * size];
    };
    // The newest step is in front; runs are in their order.
    const depth = (i) => (n > 1 ? (scene.z === "step" ? 1 - i / (n - 1) : i / (n - 1)) : 0.5);
    const fx = (x) => (x - x0) / (x1 - x0 || 1), fy = (y) => (0.55 * (y - y0)) / (y1 - y0 || 1);
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": `${scene.title}: ${n} curves` });
    svg.append(s("path", { d: `${path([project(0, 0, 0), project(1, 0, 0), project(1, 0, 1), project(0, 0, 1)])}Z`, fill: "none", stroke: c.line }));
    for (const k of [0.25, 0.5, 0.75]) svg.append(s("path", { d: path([project(k, 0, 0), project(k, 0, 1)]), stroke: c.line, fill: "none" }));
    const order = scene.curves.map((curve, i) => ({ curve, i, z: depth(i) })).sort((a, b) => b.z - a.z);
    for (const { curve, z } of order) {
      const points = curve.x.map((x, i) => (curve.y[i] === null ? null : project(fx(x), fy(curve.y[i]), z))).filter(Boolean);
      if (points.length === 0) continue;
      svg.append(s("path", { d: `${path([project(fx(curve.x[0]), 0, z), ...points, project(fx(curve.x.at(-1)), 0, z)])}Z`, fill: c.card, "fill-opacity": 0.8 }),
        s("path", { d: path(points), fill: "none", stroke: curve.run ? color(curve.run.index) : age(curve.age), "stroke-width": scene.z === "run" ? 2 : 1.5, "stroke-linejoin": "round" }));
    }
    const text = (p, value, anchor = "middle", dx = 0, dy = 0) => svg.append(s("text", { x: p[0] + dx, y: p[1] + dy, "font-size": 11, fill: c.muted, "text-anchor": anchor }, value));
    for (const k of [0, 0.5, 1]) text(project(k, 0, 0), scene.x.text(x0 + k * (x1 - x0)), "middle", 0, 18);
    text(project(0.5, 0, 0), scene.x.title, "middle", 0, 36);
    const side = view.turn > 0 ? 0 : 1;
    scene.curves.forEach((curve, i) => {
      if (n > 8 && i % Math.ceil(n / 5) && i !== n - 1) return;
      text(project(side, 0, depth(i)), curve.text, side ? "start" : "end", side ? 8 : -8, 6);
    });
    frame.body.replaceChildren(svg);
    frame.say(scene.title);
    frame.body.setAttribute("aria-label", `${scene.title}: ${n} curves, turned by ${Math.round((view.turn * 180) / Math.PI)}°, seen from ${Math.round((view.tilt * 180) / Math.PI)}° above. Arrow keys turn it.`);
  }

  function rotate(turn, tilt) {
    view.turn = Math.max(limits.turn[0], Math.min(limits.turn[1], view.turn + turn));
    view.tilt = Math.max(limits.tilt[0], Math.min(limits.tilt[1], view.tilt + tilt));
    draw();
  }

  frame.body.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] }[e.key];
    if (!by) return;
    e.preventDefault();
    rotate(...by);
  });
  frame.body.addEventListener("pointerdown", (e) => {
    frame.body.setPointerCapture(e.pointerId);
    let [x, y] = [e.clientX, e.clientY];
    const move = (m) => {
      rotate((m.clientX - x) / 200, (m.clientY - y) / 250);
      [x, y] = [m.clientX, m.clientY];
    };
    frame.body.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"]) frame.body.addEventListener(end, () => frame.body.removeEventListener("pointermove", move), { once: true });
  });

  const table = () => [scene.columns, ...scene.curves.flatMap((k) => k.x.map((x, i) => [k.name, x, k.y[i]]))];
  const watch = new ResizeObserver(() => draw());
  watch.observe(frame.body);
  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    refresh(next) {
      runs = next;
      return load().catch((error) => frame.body.replaceChildren(emptyPlot(error.message)));
    },
    close() {
      closed = true;
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}
