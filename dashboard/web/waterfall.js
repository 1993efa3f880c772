// The 3-D view: distributions of a run over time, or a statistic of several runs, as
// curves one behind the other. It can be turned and zoomed.

import { setting } from "./address.js";
import { getCurves, getHistogram } from "./api.js";
import { smoothed } from "./curves.js";
import { h } from "./dom.js";
import { figure } from "./figure.js";
import { count, number } from "./format.js";
import { charts, read } from "./guide.js";
import { trimmed, usual } from "./heatmap.js";
import { kindTitle } from "./histograms.js";
import { landscape } from "./landscape.js";
import { emptyPlot } from "./linechart.js";
import { age, color, dashes } from "./palette.js";

const limits = { turn: [-1.3, 1.3], tilt: [0.08, 1.35], closer: [1, 12] };
const degrees = (radians) => Math.round((radians * 180) / Math.PI);
const within = (key, v) => Math.max(limits[key][0], Math.min(limits[key][1], v));
const angle = (key, otherwise) => setting(key, otherwise, { valid: (v) => v === within(key, v) });
const settings = {
  turn: angle("turn", -0.55),
  tilt: angle("tilt", 0.5),
  zoom: angle("closer", 1),
  what: setting("landscape", null),
};

export function waterfallTab(first) {
  let runs = first,
    scene = null,
    closed = false,
    asked = 0,
    shift = [0, 0],
    chosen = -1,
    drawn = null,
    dragging = false;
  const what = h("select", {
    "aria-label": "Chart",
    onchange: () => {
      settings.what.set(what.value);
      load();
    },
  });
  const button = (label, text, go) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const toolbar = h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "3-D view" },
    what,
    h(
      "span",
      { class: "zoom" },
      button("Turn left", "↶", () => rotate(-0.15, 0)),
      button("Turn right", "↷", () => rotate(0.15, 0)),
      button("From above", "↑", () => rotate(0, 0.12)),
      button("From the side", "↓", () => rotate(0, -0.12)),
      button("Zoom in", "+", () => zoom(1.4)),
      button("Zoom out", "−", () => zoom(1 / 1.4)),
      button("Show all", "All", () => reset()),
    ),
  );
  const frame = figure({
    id: "3d",
    title: "Landscape",
    read: read.waterfall,
    csv: () => table(),
    runs: () => [...new Set(scene.curves.map((k) => k.run.label))],
    picture: () => ({ chart: landscape(built(), view(), 900, 520).svg, heading: scene.title, legend: legend() }),
  });
  frame.body.tabIndex = 0;
  frame.body.classList.add("turnable");
  frame.body.setAttribute("role", "application");
  frame.body.setAttribute("aria-roledescription", "3-D chart");
  const tip = h("div", { class: "values", hidden: true, "aria-hidden": "true" });
  const el = h("div", { class: "waterfall" }, toolbar, frame.el);

  const view = () => ({ turn: settings.turn.get(), tilt: settings.tilt.get(), zoom: settings.zoom.get(), shift });

  function choices() {
    const list = [];
    for (const r of runs)
      for (const k of r.kinds) {
        if (kindTitle[k] && (r.onset > 0 || !k.startsWith("raw_")))
          list.push({
            key: `h ${k} ${r.index}`,
            label: `${kindTitle[k]} over time${runs.length > 1 ? `: ${r.label}` : ""}`,
            run: r,
            kind: k,
          });
      }
    if (runs.length > 1) {
      const curves = charts(runs)
        .filter((c) => !["lambda", "lr"].includes(c.id))
        .map((c) => ({ key: `c ${c.id}`, label: `${c.title}, run by run`, chart: c }));
      const first = curves.findIndex((c) => c.chart.id === "neg_mean");
      list.unshift(...curves.splice(Math.max(0, first), 1), ...curves);
    }
    return list;
  }

  async function load() {
    const list = choices(),
      keys = list.map((c) => c.key).join();
    if (what.dataset.keys !== keys) {
      what.dataset.keys = keys;
      what.replaceChildren(...list.map((c) => h("option", { value: c.key }, c.label)));
    }
    if (list.some((c) => c.key === settings.what.get())) what.value = settings.what.get();
    const choice = list.find((c) => c.key === what.value);
    const ticket = ++asked;
    what.hidden = !choice;
    if (!choice) {
      scene = null;
      frame.body.replaceChildren(
        emptyPlot(
          "This run has no histograms. Train with --record, or select two runs in the overview to see their " +
            "statistics one behind the other.",
        ),
      );
      return;
    }
    const next = choice.chart ? await runsScene(choice.chart) : await timeScene(choice);
    if (closed || ticket !== asked) return;
    scene = next;
    if (!scene) frame.body.replaceChildren(emptyPlot("The first values are being written."));
    draw();
  }

  async function timeScene({ run, kind, label }) {
    const d = trimmed(await getHistogram(run.id, kind, 0, 2 ** 31, 44));
    if (!d) return null;
    const x = d.edges.slice(1).map((e, i) => (e + d.edges[i]) / 2),
      n = d.rows.length,
      last = d.rows.at(-1).step;
    return {
      title: label,
      columns: ["step", "score", "density"],
      axes: {
        x: { low: x[0], high: x.at(-1), title: "score" },
        y: { low: 0, high: 1.1 * usual(d.rows), title: "density" },
        z: {
          low: d.rows[0].step,
          high: Math.max(last, d.rows[0].step + 1),
          front: Math.max(last, d.rows[0].step + 1),
          title: "step",
          whole: true,
        },
      },
      curves: d.rows.map((r, i) => ({
        run,
        name: String(r.step),
        x,
        y: r.density,
        z: r.step,
        age: i / Math.max(1, n - 1),
        width: 1.5,
      })),
      tell: (curve, i) => [
        `step ${count(curve.z)}, score ${number(curve.x[i], 2)}`,
        `density ${number(curve.y[i], 3)}`,
      ],
    };
  }

  async function runsScene(chart) {
    const name = chart.series[0];
    const all = await Promise.all(runs.map((r) => getCurves(r.id, [name], 0, 2 ** 31, 160)));
    const found = all.map((a, i) => ({ run: runs[i], c: a.curves[name] })).filter((k) => k.c?.step.length);
    if (found.length === 0) return null;
    const curves = found.map(({ run, c }, i) => ({
      run,
      name: run.id,
      x: c.step,
      y: smoothed(c.mean, 0.7),
      z: i,
      width: 2,
      fill: 0.1,
      dash: dashes(run.index),
    }));
    const values = curves.flatMap((k) => k.y).filter((v) => v !== null),
      steps = curves.flatMap((k) => k.x);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return {
      title: chart.title,
      columns: ["run", "step", name],
      axes: {
        x: { low: Math.min(...steps), high: Math.max(...steps, Math.min(...steps) + 1), title: "step", whole: true },
        y: { low, high: high > low ? high : low + 1, title: chart.axis },
        z: {
          low: 0,
          high: Math.max(1, curves.length - 1),
          front: 0,
          labels: found.map(({ run }, i) => ({ value: i, text: run.label })),
        },
      },
      curves,
      tell: (curve, i) => [`${curve.run.label}, step ${count(curve.x[i])}`, number(curve.y[i])],
    };
  }

  /** built returns the scene in the colors of the theme: those of the runs, or of age. */
  const built = () => ({
    ...scene,
    curves: scene.curves.map((k) => ({ ...k, color: k.age === undefined ? color(k.run.index) : age(k.age) })),
  });

  const legend = () =>
    scene.axes.z.labels
      ? built().curves.map((k) => ({ label: k.run.label, color: k.color, dash: k.dash }))
      : [
          { label: `step ${count(scene.curves[0].z)}`, color: age(0) },
          { label: `step ${count(scene.curves.at(-1).z)}`, color: age(1) },
        ];

  function draw() {
    if (!scene) return;
    const w = Math.max(280, frame.body.clientWidth),
      height = Math.max(280, Math.min(640, w * 0.52)),
      { turn, tilt } = view();
    drawn = { ...landscape(built(), view(), w, height, chosen), w };
    frame.body.replaceChildren(drawn.svg, tip);
    frame.say(scene.title);
    frame.body.setAttribute(
      "aria-label",
      `${scene.title}: ${scene.curves.length} curves, turned by ${degrees(turn)}°, seen from ${degrees(tilt)}° above. ` +
        "Arrow keys turn it, plus and minus zoom, 0 shows all.",
    );
  }

  function rotate(turn, tilt) {
    settings.turn.set(+within("turn", settings.turn.get() + turn).toFixed(3));
    settings.tilt.set(+within("tilt", settings.tilt.get() + tilt).toFixed(3));
    draw();
  }

  /** zoom keeps the point under px, py where it is; without them, the center. */
  function zoom(f, px, py) {
    const before = settings.zoom.get(),
      after = +within("closer", before * f).toFixed(3),
      g = after / before;
    settings.zoom.set(after);
    if (after === 1) shift = [0, 0];
    else if (px !== undefined) {
      const box = drawn.svg.viewBox.baseVal,
        center = [box.width / 2, box.height / 2];
      shift = shift.map((v, k) => [px, py][k] - center[k] - ([px, py][k] - center[k] - v) * g);
    } else shift = shift.map((v) => v * g);
    draw();
  }

  function reset() {
    shift = [0, 0];
    for (const [s, v] of [
      [settings.zoom, 1],
      [settings.turn, -0.55],
      [settings.tilt, 0.5],
    ])
      s.set(v);
    draw();
  }

  /** at returns the place of the pointer in the pixels of the drawing. */
  function at(e) {
    const box = drawn.svg.getBoundingClientRect(),
      k = drawn.w / box.width;
    return [(e.clientX - box.left) * k, (e.clientY - box.top) * k];
  }

  /** point shows the values of the curve nearest to the pointer. */
  function point(e) {
    if (!scene || dragging) return;
    const [px, py] = at(e);
    let best = null,
      least = 18 ** 2;
    drawn.places.forEach((places, i) =>
      places.forEach((p, j) => {
        const d = p ? (p[0] - px) ** 2 + (p[1] - py) ** 2 : Infinity;
        if (d < least) [best, least] = [[i, j], d];
      }),
    );
    const was = chosen;
    chosen = best ? best[0] : -1;
    if (chosen !== was) draw();
    tip.hidden = !best;
    if (!best) return;
    const curve = built().curves[best[0]],
      [where, value] = scene.tell(curve, best[1]),
      box = frame.body.getBoundingClientRect(),
      left = e.clientX - box.left;
    tip.replaceChildren(h("div", { class: "at" }, where), h("b", null, value));
    tip.style.left = `${left > box.width / 2 ? left - tip.offsetWidth - 14 : left + 14}px`;
    tip.style.top = `${Math.max(0, e.clientY - box.top - 50)}px`;
  }

  frame.body.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.08], ArrowDown: [0, -0.08] }[e.key],
      closer = { "+": 1.4, "=": 1.4, "-": 1 / 1.4 }[e.key];
    if (!by && !closer && e.key !== "0") return;
    e.preventDefault();
    if (by) rotate(...by);
    else if (closer) zoom(closer);
    else reset();
  });
  frame.body.addEventListener("pointermove", point);
  frame.body.addEventListener("pointerleave", () => {
    tip.hidden = true;
    if (chosen < 0) return;
    chosen = -1;
    draw();
  });
  frame.body.addEventListener(
    "wheel",
    (e) => {
      if (!scene) return;
      e.preventDefault();
      zoom(Math.exp(-e.deltaY / 300), ...at(e));
    },
    { passive: false },
  );
  frame.body.addEventListener("dblclick", reset);
  frame.body.addEventListener("pointerdown", (e) => {
    frame.body.setPointerCapture(e.pointerId);
    let [x, y] = [e.clientX, e.clientY];
    dragging = true;
    tip.hidden = true;
    const move = (m) => {
      const by = [m.clientX - x, m.clientY - y];
      [x, y] = [m.clientX, m.clientY];
      if (m.shiftKey) {
        shift = shift.map((v, k) => v + by[k]);
        draw();
      } else rotate(by[0] / 200, by[1] / 250);
    };
    frame.body.addEventListener("pointermove", move);
    for (const end of ["pointerup", "pointercancel"])
      frame.body.addEventListener(
        end,
        () => {
          dragging = false;
          frame.body.removeEventListener("pointermove", move);
        },
        { once: true },
      );
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
