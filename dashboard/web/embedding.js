// The probe set's images, placed by their features.

import { getEmbedding, thumbnails } from "./api.js";
import { scale } from "./axes.js";
import { h, s } from "./dom.js";
import { figure } from "./figure.js";
import { number } from "./format.js";
import { read } from "./guide.js";
import { emptyPlot } from "./linechart.js";
import { color, ink } from "./palette.js";

const settings = { method: "pca" };
const shapes = ["circle", "square", "triangle"]; // classes beyond seven get another shape

export function embeddingTab(first) {
  let runs = first, run = first.find((r) => r.probe) ?? first[0], data = null, points = null, worker = null, closed = false, asked = 0, focus = 0;
  const maps = new Map(); // UMAPs by run and epoch
  const which = h("select", { "aria-label": "Run", onchange: () => {
    run = runs[which.selectedIndex];
    load(-1);
  } }, runs.map((r) => h("option", { selected: r === run }, r.label)));
  const radio = (value, label) => h("label", { class: "check" }, h("input", { type: "radio", name: "method", value, checked: settings.method === value, onchange: () => {
    settings.method = value;
    place();
  } }), label);
  const slider = h("input", { type: "range", name: "epoch", min: 0, max: 0, step: 1, value: 0, "aria-label": "Epoch of the features", oninput: () => load(data.epochs[+slider.value]) });
  const epochText = h("output");
  const toolbar = h("div", { class: "toolbar", role: "group", "aria-label": "Embedding" }, runs.length > 1 && which, radio("pca", "PCA"), radio("umap", "UMAP"), h("label", { class: "slider" }, "Epoch", slider, epochText));
  const frame = figure({ id: "embedding", title: "Probe set", read: read.embedding, svg: () => frame.body.querySelector("svg").cloneNode(true), csv: () => table() });
  const classes = h("ul", { class: "classes" });
  const picture = h("div", { class: "picture" });
  const caption = h("p", { class: "caption" });
  const card = h("div", { class: "tip", hidden: true }, picture, caption);
  const said = h("p", { class: "hidden", role: "status" });
  const el = h("div", { class: "embedding" }, toolbar, frame.el, classes, said);
  frame.body.classList.add("scatter");

  async function load(epoch) {
    const ticket = ++asked;
    if (!run.probe) {
      data = null;
      classes.replaceChildren();
      frame.body.replaceChildren(emptyPlot("This run keeps no probe set. Train with --probe N to keep the features of N images after every epoch, with small pictures of them."));
      return;
    }
    let next;
    try {
      next = await getEmbedding(run.id, epoch);
    } catch (error) {
      if (!closed && ticket === asked) frame.body.replaceChildren(emptyPlot(error.message));
      return;
    }
    if (closed || ticket !== asked) return;
    data = next;
    slider.max = data.epochs.length - 1;
    slider.value = data.epochs.indexOf(data.epoch);
    epochText.textContent = String(data.epoch);
    slider.setAttribute("aria-valuetext", `epoch ${data.epoch}`);
    place();
  }

  function place() {
    if (!data) return;
    if (settings.method === "pca" || data.components.length < 4) {
      points = data.components.map((c) => [c[0] ?? 0, c[1] ?? 0]);
      frame.say(`epoch ${data.epoch}, ${data.images.length} images; the axes keep ${number(100 * (data.explained[0] ?? 0), 2)} % and ${number(100 * (data.explained[1] ?? 0), 2)} % of the variance`);
      draw();
      return;
    }
    const key = `${run.id} ${data.epoch}`;
    if (maps.has(key)) {
      points = maps.get(key);
      frame.say(`epoch ${data.epoch}, ${data.images.length} images, UMAP with 15 neighbors`);
      draw();
      return;
    }
    frame.say("UMAP is being computed");
    worker?.terminate();
    worker = new Worker("umap-worker.js");
    worker.onmessage = ({ data: answer }) => {
      if (closed) return;
      if (answer.error) {
        frame.say(`UMAP failed: ${answer.error}`);
        return;
      }
      maps.set(answer.key, answer.points);
      place();
    };
    worker.postMessage({ rows: data.components, neighbors: 15, key });
  }

  const className = (i) => (data.labels[i] >= 0 ? data.classes[data.labels[i]] ?? `class ${data.labels[i]}` : "no class");
  const paint = (label) => (label < 0 ? ink().muted : color(label));
  const shape = (label) => shapes[label < 0 ? 0 : Math.floor(label / 7) % 3];

  function mark(kind, x, y, r, props) {
    if (kind === "square") return s("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, ...props });
    if (kind === "triangle") return s("path", { d: `M${x} ${y - 1.3 * r}L${x + 1.2 * r} ${y + r}L${x - 1.2 * r} ${y + r}Z`, ...props });
    return s("circle", { cx: x, cy: y, r, ...props });
  }

  let placed = []; // of the marks, in pixels of the SVG
  function draw() {
    if (!data || !points) return;
    const w = Math.max(260, frame.body.clientWidth), height = Math.max(300, Math.min(480, w * 0.64)), c = ink();
    const xs = points.map((p) => p[0]), ys = points.map((p) => p[1]);
    const x = scale(Math.min(...xs), Math.max(...xs), 18, w - 18), y = scale(Math.min(...ys), Math.max(...ys), height - 18, 18);
    placed = points.map((p) => [x(p[0]), y(p[1])]);
    const r = points.length > 800 ? 3.2 : 4.2;
    const group = s("g", { stroke: c.card, "stroke-width": 0.8, "fill-opacity": 0.88 });
    placed.forEach(([px, py], i) => group.append(mark(shape(data.labels[i]), +px.toFixed(1), +py.toFixed(1), r, { fill: paint(data.labels[i]), "data-i": i })));
    const ring = s("circle", { class: "ring", r: r + 4, fill: "none", stroke: c.text, "stroke-width": 2, visibility: "hidden" });
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, tabindex: 0, role: "application", "aria-roledescription": "scatter chart", "aria-label": `${data.images.length} images of the probe set after epoch ${data.epoch}. Arrow keys go from image to image.` }, group, ring);
    const had = frame.body.contains(document.activeElement) && document.activeElement.tagName === "svg";
    frame.body.replaceChildren(svg, card);
    card.hidden = true;
    svg.addEventListener("pointermove", (e) => {
      const box = svg.getBoundingClientRect(), k = w / box.width;
      const i = nearest((e.clientX - box.left) * k, (e.clientY - box.top) * k, 24);
      if (i < 0) hide();
      else show(i, false);
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("focus", () => show(Math.min(focus, placed.length - 1), true));
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", keys);
    if (had) svg.focus();
    legend();
  }

  function nearest(px, py, within) {
    let best = -1, distance = within ** 2;
    placed.forEach(([x, y], i) => {
      const d = (x - px) ** 2 + (y - py) ** 2;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  }

  /** keys goes to the nearest image in the direction of an arrow key. */
  function keys(e) {
    const to = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (e.key === "Escape") hide();
    if (!to) return;
    e.preventDefault();
    const [x, y] = placed[focus];
    let best = -1, cost = Infinity;
    placed.forEach(([px, py], i) => {
      const along = (px - x) * to[0] + (py - y) * to[1], aside = Math.abs((px - x) * to[1]) + Math.abs((py - y) * to[0]);
      if (i !== focus && along > 0.5 && along + 2 * aside < cost) [best, cost] = [i, along + 2 * aside];
    });
    if (best >= 0) show(best, true);
  }

  function show(i, byKey) {
    focus = i;
    const svg = frame.body.querySelector("svg"), ring = svg.querySelector(".ring"), [x, y] = placed[i];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    ring.setAttribute("visibility", "visible");
    const image = data.images[i], side = 96, columns = data.columns;
    picture.style.backgroundImage = `url("${thumbnails(run.id)}")`;
    picture.style.backgroundSize = `${columns * side}px auto`;
    picture.style.backgroundPosition = `-${(image % columns) * side}px -${Math.floor(image / columns) * side}px`;
    caption.textContent = `${className(i)} · image ${image}`;
    card.hidden = false;
    card.dataset.image = image;
    const k = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width, width = 122, room = frame.body.clientWidth;
    card.style.left = `${Math.max(0, Math.min(room - width, x * k + (x * k > room - width - 20 ? -width - 14 : 14)))}px`;
    card.style.top = `${Math.max(0, Math.min(svg.getBoundingClientRect().height - 140, y * k - 60))}px`;
    if (byKey) said.textContent = `${className(i)}, image ${image}`;
  }

  function hide() {
    card.hidden = true;
    frame.body.querySelector(".ring")?.setAttribute("visibility", "hidden");
  }

  function legend() {
    const used = [...new Set(data.labels)].sort((a, b) => a - b);
    classes.replaceChildren(...used.map((label) => h("li", null,
      s("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, mark(shape(label), 6, 6, 4.4, { fill: paint(label) })), label < 0 ? "no class" : data.classes[label] ?? `class ${label}`)));
  }

  const table = () => [["image", "class", "x", "y"], ...points.map((p, i) => [data.images[i], className(i), p[0], p[1]])];
  let width = 0;
  const watch = new ResizeObserver(() => {
    if (frame.body.clientWidth !== width) draw();
    width = frame.body.clientWidth;
  });
  watch.observe(frame.body);
  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  let known = "";
  return {
    el,
    async refresh(next) {
      runs = next;
      run = runs.find((r) => r.id === run.id) ?? runs[0];
      const now = `${run.id} ${run.probe} ${run.epoch}`;
      if (now === known) return;
      const follows = !data || data.epoch === data.epochs.at(-1);
      known = now;
      await load(follows ? -1 : data.epoch);
    },
    close() {
      closed = true;
      worker?.terminate();
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}
