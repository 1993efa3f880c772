// A chart of curves: uPlot on the screen, an equal SVG for downloads.

import { axes, path, scale } from "./axes.js";
import { h, s } from "./dom.js";
import { count, number, short } from "./format.js";
import { ink, rgba } from "./palette.js";

/**
 * lineChart draws curves into el. setData takes lines: { label, color, dash,
 * width, step[], mean[], min[], max[], shown[] }, where shown is the drawn (smoothed)
 * version of mean. onZoom(from, to) is called when a range has been selected. Charts
 * with the same sync key share the step under the pointer.
 *
 * The options of setData are range, logX, logY, envelope, linear (whether to say that
 * the values have no logarithm), settled (the first step whose values determine the
 * height of the chart), and marks: { step, label, color, dash }, drawn as vertical lines.
 */
export function lineChart(el, { title, axis, say, onZoom, sync }) {
  let plot = null, lines = [], options = {}, size = "", shape = "";
  const tip = h("div", { class: "values", hidden: true, "aria-hidden": "true" });
  el.tabIndex = 0;
  el.setAttribute("role", "application");
  el.setAttribute("aria-roledescription", "chart");

  const width = () => Math.max(220, el.clientWidth);
  const height = () => (width() < 420 ? 190 : 220);

  function draw() {
    const c = ink();
    const next = JSON.stringify([width(), c, options.logX, options.logY, options.envelope, options.marks, lines.map((l) => [l.label, l.color, l.dash, l.step.length < 3, l.min.length > 0])]);
    const tables = lines.map((l) => [l.step, l.shown, positive(l.min), positive(l.max)]);
    const data = tables.length ? uPlot.join(tables) : [[]];
    if (plot && next === shape) { // the same lines have grown: do not interrupt a drag
      plot.setData(data);
      report(plot.cursor.idx);
      return;
    }
    shape = next;
    const series = [{}], bands = [];
    lines.forEach((l) => {
      const at = series.length;
      const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
      series.push({ label: l.label, stroke: l.color, width: l.width, dash: l.dash, spanGaps: true, points: { show: l.step.length < 3 || l.sparse, size: 6, fill: l.color } });
      series.push({ ...edge }, { ...edge });
      if (options.envelope && l.min.length) bands.push({ series: [at + 2, at + 1], fill: rgba(l.color, 0.16) });
    });
    const font = "11px Inter, system-ui, sans-serif";
    const side = { stroke: c.muted, font, labelFont: font, labelSize: 14, labelGap: 2, grid: { stroke: c.line, width: 1 }, ticks: { stroke: c.line, size: 4 } };
    plot?.destroy();
    plot = new uPlot({
      width: width(), height: height(), padding: [8, 14, 0, 0], legend: { show: false }, focus: { prox: 24 },
      cursor: { drag: { x: true, y: false, dist: 6 }, points: { size: 7 }, y: false, sync: { key: sync, scales: ["x", null] } },
      scales: {
        x: { time: false, distr: options.logX ? 3 : 1, range: () => options.range },
        y: { distr: options.logY ? 3 : 1, range: () => ranged(...extent(lines, options), options.logY) },
      },
      series, bands,
      axes: [
        { ...side, size: 28, label: "step", incrs: whole, values: (u, v) => v.map((x) => (x === null ? "" : short(x))) },
        { ...side, size: 60, values: (u, v) => v.map((y) => (y === null ? "" : number(y))) },
      ],
      hooks: {
        setCursor: [(u) => {
          report(u.cursor.idx);
          showValues(u);
        }],
        drawAxes: [(u) => (options.marks ?? []).forEach((m) => mark(u, m))],
        setSelect: [(u) => {
          if (u.select.width < 6) return;
          const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom(from, to);
        }],
      },
    }, data, el);
    plot.root.setAttribute("aria-hidden", "true");
    el.append(tip);
    size = `${width()}`;
    report(null);
  }

  function positive(values) {
    return options.logY ? values.map((v) => (v > 0 ? v : null)) : values;
  }

  /** mark draws a vertical line at a step, with its label. */
  function mark(u, { step, label, color, dash }) {
    const x = Math.round(u.valToPos(step, "x", true)), { left, top, width: w, height: hh } = u.bbox;
    if (!(x > left && x < left + w)) return;
    const { ctx } = u, ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color ?? ink().muted;
    ctx.lineWidth = ratio;
    ctx.setLineDash(dash.map((d) => d * ratio));
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + hh);
    ctx.stroke();
    ctx.font = `${10 * ratio}px Inter, system-ui, sans-serif`;
    const beyond = x + ctx.measureText(label).width + 8 * ratio > left + w;
    ctx.textAlign = beyond ? "right" : "left";
    ctx.fillText(label, x + (beyond ? -4 : 4) * ratio, top + 10 * ratio);
    ctx.restore();
  }

  /** valuesAt returns the lines at a point of the data, the largest value first. A gap has the value before it. */
  function valuesAt(i) {
    return lines.map((l, k) => {
      const values = plot?.data[1 + 3 * k] ?? [];
      let j = i ?? values.length - 1;
      while (j > 0 && (values[j] === null || values[j] === undefined)) j--;
      return { line: l, value: values[j] };
    }).filter((v) => !v.line.quiet && v.value !== null && v.value !== undefined);
  }

  /** showValues shows the color, name and value of each line beside the pointer. */
  function showValues(u) {
    const at = u.cursor.idx, left = u.cursor.left;
    tip.hidden = at === null || at === undefined || left < 0;
    if (tip.hidden) return;
    const values = valuesAt(at).sort((a, b) => b.value - a.value);
    tip.replaceChildren(h("div", { class: "at" }, `step ${count(u.data[0][at])}`), ...values.map(({ line: l, value }) => {
      const swatch = s("svg", { width: 16, height: 8, "aria-hidden": "true" }, s("line", { x1: 0, x2: 16, y1: 4, y2: 4, stroke: l.color, "stroke-width": 2, "stroke-dasharray": l.dash?.join(" ") || null }));
      return h("div", { class: "value" }, swatch, h("span", null, l.label), h("b", null, number(value)));
    }));
    const x = u.over.offsetLeft + left, beyond = x + tip.offsetWidth + 18 > el.clientWidth;
    tip.style.left = `${Math.max(0, beyond ? x - tip.offsetWidth - 12 : x + 12)}px`;
    tip.style.top = `${u.over.offsetTop + 4}px`;
  }

  function report(i) {
    const at = i ?? null;
    const values = valuesAt(at);
    const parts = values.map(({ line: l, value }) => (values.length > 1 && (l.tag || l.label) ? `${l.tag || l.label} ${number(value)}` : number(value)));
    const step = at === null ? "" : `step ${count(plot.data[0][at])}: `;
    const note = options.linear ? "has values ≤ 0: drawn linearly · " : "";
    say(note + (parts.length > 4 ? step.replace(/: $/, "") : step + parts.join(" · ")));
    const last = lines[0]?.step.at(-1);
    el.setAttribute("aria-label", lines.length ? `${title} over ${lines.filter((l) => !l.quiet).length} lines up to step ${count(last)}. ${step}${parts.join(", ")}. Left and right move the cursor, plus and minus zoom, Shift with left and right move the view, 0 shows all.` : title);
  }

  el.addEventListener("keydown", (e) => {
    if (!plot || !lines.length || e.ctrlKey || e.metaKey || e.altKey) return;
    const [low, high] = options.range, span = high - low;
    const x = plot.data[0], at = plot.cursor.idx ?? x.length - 1;
    const middle = Math.max(low, Math.min(high, x[at] ?? high));
    const zoom = (f) => onZoom(middle - (middle - low) * f, middle + (high - middle) * f);
    const move = (d) => {
      const to = Math.max(0, Math.min(x.length - 1, at + d));
      plot.setCursor({ left: plot.valToPos(x[to], "x"), top: 10 });
      report(to);
    };
    const keys = {
      ArrowLeft: () => (e.shiftKey ? onZoom(low - span / 4, high - span / 4) : move(-Math.ceil(x.length / 60))),
      ArrowRight: () => (e.shiftKey ? onZoom(low + span / 4, high + span / 4) : move(Math.ceil(x.length / 60))),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), _: () => zoom(2), 0: () => onZoom(null), Home: () => onZoom(null),
    };
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });
  el.addEventListener("dblclick", () => onZoom(null));

  const watch = new ResizeObserver(() => {
    if (plot && `${width()}` !== size) draw();
  });
  watch.observe(el);

  return {
    setData(next, opts) {
      lines = next;
      options = opts;
      draw();
    },
    svg: () => vector(title, axis, lines, options),
    csv() {
      const rows = [["run", "series", "step", "steps", "mean", "min", "max"]];
      for (const l of lines) l.step.forEach((x, i) => rows.push([l.run, l.name, x, l.n[i], l.mean[i], l.min[i] ?? l.mean[i], l.max[i] ?? l.mean[i]]));
      return rows;
    },
    close() {
      watch.disconnect();
      plot?.destroy();
    },
  };
}

/** whole lists the tick distances on the axis of steps: no fractions of a step. */
const whole = [1, 2, 5].flatMap((m) => Array.from({ length: 10 }, (_, e) => m * 10 ** e)).sort((a, b) => a - b);

/** extent returns the lowest and highest value in view. If there are steps after settled, it ignores the earlier ones, which are extreme while a queue fills. */
function extent(lines, { range, logY, envelope, settled = 0 }) {
  const within = (from) => {
    let low = null, high = null;
    for (const l of lines) {
      const [bottom, top] = envelope && l.min.length ? [l.min, l.max] : [l.shown, l.shown];
      l.step.forEach((x, i) => {
        if (x < from || x < range[0] || x > range[1]) return;
        for (const v of [bottom[i], top[i], l.shown[i]]) {
          if (v === null || v === undefined || (logY && v <= 0)) continue;
          low = low === null ? v : Math.min(low, v);
          high = high === null ? v : Math.max(high, v);
        }
      });
    }
    return [low, high];
  };
  const settledRange = settled > range[0] && settled < (range[0] + range[1]) / 2 ? within(settled) : [null, null];
  return settledRange[0] === null ? within(-Infinity) : settledRange;
}

/** ranged adds a margin above and below, also to a flat curve, which smoothing leaves with rounding errors. */
function ranged(low, high, log) {
  if (low === null || high === null) return log ? [0.1, 1] : [0, 1];
  if (log) return [low / 1.2, high * 1.2];
  const size = Math.max(Math.abs(low), Math.abs(high)), flat = high - low <= 1e-9 * size;
  const room = flat ? size * 0.05 || 0.5 : (high - low) * 0.06;
  return [low - room, high + room];
}

let clips = 0; // clip paths need names that are unique on the page

function vector(title, axis, lines, options) {
  const w = 720, height = 400, c = ink();
  const box = { left: 76, right: w - 20, top: 64, bottom: height - 52 };
  const [y0, y1] = ranged(...extent(lines, options), options.logY);
  const x = scale(...options.range, box.left, box.right, options.logX), y = scale(y0, y1, box.bottom, box.top, options.logY);
  const svg = s("svg", { viewBox: `0 0 ${w} ${height}` }, s("text", { x: 16, y: 26, "font-size": 15, "font-weight": 600, fill: c.text }, title));
  svg.append(axes(box, x, y, { x: "step", y: axis, steps: true }));
  const clip = `clip-${++clips}`, inner = s("g", { "clip-path": `url(#${clip})` });
  svg.append(s("clipPath", { id: clip }, s("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top })), inner);
  for (const m of options.marks ?? []) {
    if (!(m.step > x.low && m.step < x.high)) continue;
    svg.append(s("line", { x1: x(m.step), x2: x(m.step), y1: box.top, y2: box.bottom, stroke: m.color ?? c.muted, "stroke-dasharray": m.dash.join(" ") }),
      s("text", { x: x(m.step) + 4, y: box.top + 11, "font-size": 10, fill: m.color ?? c.muted }, m.label));
  }
  let at = 16;
  for (const l of lines) {
    const points = l.step.map((v, i) => (v >= x.low && v <= x.high && l.shown[i] !== null ? [x(v), y(l.shown[i])] : null));
    if (options.envelope && l.min.length) {
      const inside = l.step.map((v, i) => i).filter((i) => l.step[i] >= x.low && l.step[i] <= x.high && (!options.logY || l.min[i] > 0));
      const edge = [...inside.map((i) => [x(l.step[i]), y(l.max[i])]), ...inside.reverse().map((i) => [x(l.step[i]), y(l.min[i])])];
      inner.append(s("path", { d: path(edge), fill: l.color, "fill-opacity": 0.16 }));
    }
    inner.append(s("path", { d: path(points), fill: "none", stroke: l.color, "stroke-width": l.width, "stroke-dasharray": l.dash?.join(" ") || null, "stroke-linejoin": "round" }));
    if (l.quiet) continue;
    svg.append(s("line", { x1: at, x2: at + 20, y1: 44, y2: 44, stroke: l.color, "stroke-width": 2, "stroke-dasharray": l.dash?.join(" ") || null }),
      s("text", { x: at + 26, y: 48, "font-size": 11, fill: c.text }, l.label));
    at += 44 + 6.2 * l.label.length;
  }
  return svg;
}

export const emptyPlot = (text) => h("p", { class: "empty" }, text);
