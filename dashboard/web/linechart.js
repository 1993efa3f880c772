// A chart of curves: uPlot on the screen, an equal SVG for downloads.

import { axes, path, scale } from "./axes.js";
import { h, s } from "./dom.js";
import { count, number, tick } from "./format.js";
import { ink, rgba } from "./palette.js";
import { extent, ranged } from "./range.js";

/**
 * lineChart draws curves into el. setData takes lines: { label, color, dash, width, step[],
 * x[], mean[], min[], max[], shown[] }, where x is the place of a step on the horizontal
 * axis, and shown is the drawn (smoothed) version of mean. onZoom(from, to) is called when a
 * range of x has been selected, and onPick(x), if there is one, when a point has been clicked. Charts with the same sync key share the x under the pointer.
 *
 * The options of setData are x (from xaxis.js), range, logX, logY, envelope, linear (whether
 * to say that the values have no logarithm), settled (the first x whose values determine the
 * height of the chart), and marks: { x, label, color, dash }, drawn as vertical lines.
 */
export function lineChart(el, { title, axis, say, onZoom, onPick, sync }) {
  let plot = null,
    held = null, // the x that the keys have chosen, until the pointer chooses another one
    lines = [],
    options = {},
    size = "",
    shape = "",
    drawn = null; // the lines and options that plot draws
  const tip = h("div", { class: "values", hidden: true, "aria-hidden": "true" });
  el.tabIndex = 0;
  el.setAttribute("role", "application");
  el.setAttribute("aria-roledescription", "chart");

  const width = () => Math.max(220, el.clientWidth);
  const height = () => (width() < 420 ? 190 : 220);

  function draw() {
    const c = ink();
    const next = JSON.stringify([
      width(),
      c,
      options.x.title,
      options.logX,
      options.logY,
      options.envelope,
      options.marks,
      lines.map((l) => [l.label, l.color, l.dash, l.step.length < 3, l.min.length > 0]),
    ]);
    const tables = lines.map((l) => [l.x, l.shown, positive(l.min), positive(l.max)]);
    const data = tables.length ? uPlot.join(tables) : [[]];
    if (plot && next === shape) {
      // the same lines have grown: do not interrupt a drag
      Object.assign(drawn, { lines, options });
      plot.setData(data);
      if (held === null) report(plot.cursor.idx);
      else requestAnimationFrame(hold); // after uPlot has the new range
      return;
    }
    shape = next;
    const series = [{}],
      bands = [];
    lines.forEach((l) => {
      const at = series.length;
      const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
      series.push({
        label: l.label,
        stroke: l.color,
        width: l.width,
        dash: l.dash,
        spanGaps: true,
        points: { show: l.step.length < 3 || l.sparse, size: 6, fill: l.color },
      });
      series.push({ ...edge }, { ...edge });
      if (options.envelope && l.min.length) bands.push({ series: [at + 2, at + 1], fill: rgba(l.color, 0.16) });
    });
    const font = "11px Inter, system-ui, sans-serif";
    const side = {
      stroke: c.muted,
      font,
      labelFont: font,
      labelSize: 14,
      labelGap: 2,
      grid: { stroke: c.line, width: 1 },
      ticks: { stroke: c.line, size: 4 },
    };
    plot?.destroy();
    // uPlot draws later, even after it was destroyed. A plot must not get the range of the next
    // one: on a logarithmic axis, a range from 0 has no end of ticks.
    const shown = (drawn = { lines, options });
    plot = new uPlot(
      {
        width: width(),
        height: height(),
        // Labels of marks stand above the lines. The last tick is centered at the right edge.
        padding: [
          options.marks?.length ? 18 : 8,
          (u) => Math.max(14, 4 + 3.3 * (u.axes[0]._values?.at(-1)?.length ?? 0)),
          0,
          0,
        ],
        legend: { show: false },
        focus: { prox: 24 },
        cursor: {
          drag: { x: true, y: false, dist: 6 },
          points: { size: 7 },
          y: false,
          sync: { key: sync, scales: ["x", null] },
        },
        scales: {
          x: { time: false, distr: options.logX ? 3 : 1, range: () => shown.options.range },
          y: {
            distr: options.logY ? 3 : 1,
            range: () => ranged(...extent(shown.lines, shown.options), shown.options.logY, axis),
          },
        },
        series,
        bands,
        axes: [
          {
            ...side,
            size: 28,
            label: options.x.title,
            ...(options.x.whole ? { incrs: whole } : {}),
            values: (u, v, i, space, distance) => options.x.ticks(v, distance),
          },
          {
            ...side,
            size: (u, texts) => Math.max(44, 14 + 6.6 * Math.max(0, ...(texts ?? []).map((t) => t.length))),
            values: (u, v, i, space, distance) =>
              v.map((y) => (y === null ? "" : options.logY ? number(y) : tick(y, distance))),
          },
        ],
        hooks: {
          ready: [hold],
          setCursor: [
            (u) => {
              report(u.cursor.idx);
              showValues(u);
            },
          ],
          drawAxes: [
            (u) => {
              let free = Infinity;
              for (const m of (options.marks ?? []).slice().sort((a, b) => b.x - a.x)) free = mark(u, m, free);
            },
          ],
          setSelect: [
            (u) => {
              if (u.select.width < 6) return;
              const from = u.posToVal(u.select.left, "x"),
                to = u.posToVal(u.select.left + u.select.width, "x");
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              onZoom(from, to);
            },
          ],
        },
      },
      data,
      el,
    );
    plot.root.setAttribute("aria-hidden", "true");
    el.append(tip);
    size = `${width()}`;
    report(null);
  }

  /** hold puts the cursor where the keys have put it, in a chart that was drawn anew. */
  function hold() {
    const x = plot?.data[0];
    if (held === null || !x?.length) return;
    const after = x.findIndex((v) => v >= held);
    put(after < 0 ? x.length - 1 : after);
  }

  /** put puts the cursor at a point of the data. */
  function put(to) {
    plot.setCursor({ left: plot.valToPos(plot.data[0][to], "x"), top: 10 });
    report(to);
  }

  function positive(values) {
    return options.logY ? values.map((v) => (v > 0 ? v : null)) : values;
  }

  /**
   * mark draws a vertical line at x, and its label above the chart if that ends before free,
   * where the next label starts. It returns the new free; the legend explains all marks.
   */
  function mark(u, { x: at, label, color, dash }, free) {
    const x = Math.round(u.valToPos(at, "x", true)),
      { left, top, width: w, height: hh } = u.bbox;
    if (!(x > left && x < left + w)) return free;
    const { ctx } = u,
      ratio = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color ?? ink().muted;
    ctx.lineWidth = ratio;
    ctx.setLineDash(dash.map((d) => d * ratio));
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + hh);
    ctx.stroke();
    ctx.font = `${10 * ratio}px Inter, system-ui, sans-serif`;
    const long = ctx.measureText(label).width,
      from = Math.max(left, Math.min(x - long / 2, left + w - long));
    const fits = from + long <= free;
    ctx.textAlign = "left";
    if (fits) ctx.fillText(label, from, top - 5 * ratio);
    ctx.restore();
    return fits ? from - 6 * ratio : free;
  }

  /** valuesAt returns the lines at a point of the data, in their order. A gap has the value before it. */
  function valuesAt(i) {
    return lines
      .map((l, k) => {
        const values = plot?.data[1 + 3 * k] ?? [];
        let j = i ?? values.length - 1;
        while (j > 0 && (values[j] === null || values[j] === undefined)) j--;
        return { line: l, value: values[j] };
      })
      .filter((v) => v.value !== null && v.value !== undefined);
  }

  const stroke = (l) =>
    s(
      "svg",
      { width: 16, height: 8, "aria-hidden": "true" },
      s("line", {
        x1: 0,
        x2: 16,
        y1: 4,
        y2: 4,
        stroke: l.color,
        "stroke-width": 2,
        "stroke-dasharray": l.dash?.join(" ") || null,
      }),
    );

  /** showValues shows the color, name and value of each line beside the pointer, the largest value first. */
  function showValues(u) {
    const at = u.cursor.idx,
      left = u.cursor.left;
    tip.hidden = at === null || at === undefined || left < 0;
    if (tip.hidden) return;
    const one = new Set(lines.map((l) => l.run)).size === 1; // several runs would have too many quantiles
    const values = valuesAt(at)
      .filter(({ line }) => one || !line.quiet)
      .sort((a, b) => b.value - a.value);
    tip.replaceChildren(
      h("div", { class: "at" }, options.x.at(u.data[0][at])),
      ...values.map(({ line: l, value }) =>
        h("div", { class: "value" }, stroke(l), h("span", null, l.label), h("b", null, number(value))),
      ),
    );
    const x = u.over.offsetLeft + left,
      beyond = x + tip.offsetWidth + 18 > el.clientWidth;
    tip.style.left = `${Math.max(0, beyond ? x - tip.offsetWidth - 12 : x + 12)}px`;
    tip.style.top = `${u.over.offsetTop + 4}px`;
  }

  function report(i) {
    const at = i ?? null;
    const values = valuesAt(at).filter((v) => !v.line.quiet),
      several = values.length > 1;
    const named = ({ line: l, value }) =>
      several && (l.tag || l.label) ? `${l.tag || l.label}\u00a0${number(value)}` : number(value);
    const step = at === null ? "" : `${options.x.at(plot.data[0][at])}: `;
    const note = options.linear ? "has values ≤ 0: drawn linearly · " : "";
    if (values.length > 4) say(note + step.replace(/: $/, ""));
    else if (values.every((v) => v.line.tag || !several)) say(note + step + values.map(named).join(" · "));
    // Names of runs are too long for the readout.
    else say([note + step, ...values.flatMap(({ line: l, value }) => [stroke(l), ` ${number(value)} `])]);
    const last = Math.max(...lines.map((l) => l.step.at(-1)));
    el.setAttribute(
      "aria-label",
      lines.length
        ? `${title} over ${lines.filter((l) => !l.quiet).length} lines up to step ${count(last)}. ` +
            `${step}${values.map(named).join(", ")}. Left and right move the cursor, plus and minus zoom, ` +
            "Shift with left and right move the view, 0 shows all."
        : title,
    );
  }

  el.addEventListener("keydown", (e) => {
    if (!plot || !lines.length || e.ctrlKey || e.metaKey || e.altKey) return;
    const [low, high] = options.range,
      span = high - low;
    const x = plot.data[0],
      at = plot.cursor.idx ?? x.length - 1;
    const middle = Math.max(low, Math.min(high, x[at] ?? high));
    const zoom = (f) => onZoom(middle - (middle - low) * f, middle + (high - middle) * f);
    const move = (d) => {
      const to = Math.max(0, Math.min(x.length - 1, at + d));
      held = x[to];
      put(to);
    };
    const keys = {
      ArrowLeft: () => (e.shiftKey ? onZoom(low - span / 4, high - span / 4) : move(-Math.ceil(x.length / 60))),
      ArrowRight: () => (e.shiftKey ? onZoom(low + span / 4, high + span / 4) : move(Math.ceil(x.length / 60))),
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      _: () => zoom(2),
      0: () => onZoom(null),
      Home: () => onZoom(null),
      Enter: () => onPick?.(x[at]),
    };
    if (!keys[e.key]) return;
    e.preventDefault();
    keys[e.key]();
  });
  for (const event of ["pointermove", "blur"]) el.addEventListener(event, () => (held = null));
  el.addEventListener("dblclick", () => onZoom(null));
  // A drag ends with a click, too, which picks nothing.
  let pressed = null;
  el.addEventListener("pointerdown", (e) => {
    pressed = [e.clientX, e.clientY];
  });
  el.addEventListener("click", (e) => {
    const still = pressed && Math.hypot(e.clientX - pressed[0], e.clientY - pressed[1]) < 6;
    if (!onPick || !still || !plot || !lines.length || !plot.over.contains(e.target)) return;
    const at = plot.cursor.idx;
    if (at !== null && at !== undefined) onPick(plot.data[0][at]);
  });

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
    /** picture draws other lines, those of the theme of a file. */
    picture: (given, opts) => ({ chart: vector(axis, given, opts), legend: legendOf(given, opts) }),
    csv() {
      const rows = [["run", "series", "step", "steps", "mean", "min", "max"]];
      for (const l of lines)
        l.step.forEach((x, i) =>
          rows.push([l.run, l.name, x, l.n[i], l.mean[i], l.min[i] ?? l.mean[i], l.max[i] ?? l.mean[i]]),
        );
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

/** legendOf returns the legend of a picture. Several quantiles share an entry. */
function legendOf(lines, { marks = [], range }) {
  const quiet = lines.filter((l) => l.quiet),
    first = quiet.find((l) => l.run === lines[0].run);
  return [
    ...lines.filter((l) => !l.quiet),
    ...(first ? [{ ...first, label: "5, 25, 75 and 95 %" }] : []),
    ...marks
      .filter((m) => m.x > range[0] && m.x < range[1])
      .map((m) => ({ ...m, label: m.about, color: m.color ?? ink().muted, upright: true })),
  ];
}

let clips = 0; // clip paths need names that are unique on the page

function vector(axis, lines, options) {
  const w = 720,
    height = 340,
    c = ink();
  const box = { left: 76, right: w - 20, top: 12, bottom: height - 48 };
  const [y0, y1] = ranged(...extent(lines, options), options.logY, axis);
  const x = scale(...options.range, box.left, box.right, options.logX),
    y = scale(y0, y1, box.bottom, box.top, options.logY);
  const svg = s("svg", { viewBox: `0 0 ${w} ${height}` });
  svg.append(axes(box, x, y, { x: options.x.title, y: axis, steps: options.x.whole }));
  const clip = `clip-${++clips}`,
    inner = s("g", { "clip-path": `url(#${clip})` });
  svg.append(
    s(
      "clipPath",
      { id: clip },
      s("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }),
    ),
    inner,
  );
  for (const m of options.marks ?? []) {
    if (!(m.x > x.low && m.x < x.high)) continue;
    svg.append(
      s("line", {
        x1: x(m.x),
        x2: x(m.x),
        y1: box.top,
        y2: box.bottom,
        stroke: m.color ?? c.muted,
        "stroke-dasharray": m.dash.join(" "),
      }),
    );
  }
  for (const l of lines) {
    // A line goes on to the point beyond an edge, where it is clipped.
    const near = (i) => (l.x[i + 1] ?? l.x[i]) >= x.low && (l.x[i - 1] ?? l.x[i]) <= x.high;
    const points = l.x.map((v, i) =>
      near(i) && l.shown[i] !== null && !(options.logX && v <= 0) ? [x(v), y(l.shown[i])] : null,
    );
    if (options.envelope && l.min.length) {
      const inside = l.x
        .map((v, i) => i)
        .filter((i) => l.x[i] >= x.low && l.x[i] <= x.high && (!options.logY || l.min[i] > 0));
      const edge = [
        ...inside.map((i) => [x(l.x[i]), y(l.max[i])]),
        ...inside.reverse().map((i) => [x(l.x[i]), y(l.min[i])]),
      ];
      inner.append(s("path", { d: path(edge), fill: l.color, "fill-opacity": 0.16 }));
    }
    inner.append(
      s("path", {
        d: path(points),
        fill: "none",
        stroke: l.color,
        "stroke-width": l.width,
        "stroke-dasharray": l.dash?.join(" ") || null,
        "stroke-linejoin": "round",
      }),
    );
  }
  return svg;
}

export const emptyPlot = (text) => h("p", { class: "empty" }, text);
