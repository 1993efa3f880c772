// The probe set's images, placed by their features.

import { getEmbedding, thumbnails } from "./api.js";
import { h, s } from "./dom.js";
import { figure } from "./figure.js";
import { fixed, number } from "./format.js";
import { read } from "./guide.js";
import { aligned, frameOf, nearestTo } from "./layout.js";
import { emptyPlot } from "./linechart.js";
import { color, ink } from "./palette.js";

const settings = { method: "pca", pictures: null }; // pictures null: where images have no labels
const fewClasses = 12; // with more, colors are hard to tell apart: classes get a color when they are picked
const shapes = ["circle", "square", "triangle"]; // classes beyond seven get another shape

export function embeddingTab(first) {
  let runs = first, run = first.find((r) => r.probe) ?? first[0], data = null, points = null, worker = null, closed = false, asked = 0, focus = 0;
  let view = { k: 1, x: 0, y: 0 }, pinned = -1; // zoom and shift in pixels; the selected image
  const picked = new Set(); // labels picked in the legend; none: all
  const shownBefore = new Map(); // the last layout by run and method, which the next one is aligned with
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
  const tool = (label, text, go) => h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const withPictures = h("input", { type: "checkbox", name: "pictures", onchange: () => {
    settings.pictures = withPictures.checked;
    draw();
  } });
  const pictures = h("label", { class: "check" }, withPictures, "Pictures");
  const toolbar = h("div", { class: "toolbar", role: "group", "aria-label": "Embedding" }, runs.length > 1 && which, radio("pca", "PCA"), radio("umap", "UMAP"), pictures,
    h("label", { class: "slider" }, "Epoch", slider, epochText),
    h("span", { class: "zoom" }, tool("Zoom in", "+", () => zoom(1.6)), tool("Zoom out", "−", () => zoom(1 / 1.6)), tool("Show all", "All", () => reset())));
  const frame = figure({ id: "embedding", title: "Probe set", read: read.embedding, picture: () => ({ chart: frame.body.querySelector("svg").cloneNode(true) }), csv: () => table(), runs: () => runs.map((r) => r.label) });
  const classes = h("ul", { class: "classes" });
  const picture = h("div", { class: "picture" });
  const caption = h("p", { class: "caption" });
  const card = h("div", { class: "tip", hidden: true }, picture, caption);
  const said = h("p", { class: "hidden", role: "status" });
  const details = h("section", { class: "picked", "aria-label": "The image that was chosen", hidden: true });
  const el = h("div", { class: "embedding" }, toolbar, frame.el, classes, details, said);
  frame.body.classList.add("scatter");

  async function load(epoch) {
    const ticket = ++asked;
    if (!run.probe) {
      data = null;
      classes.replaceChildren();
      frame.body.replaceChildren(emptyPlot("This run has no probe set. Train with --probe N to store the features of N images after every epoch, with thumbnails of them."));
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
    if (pinned >= data.images.length) pinned = -1;
    withPictures.checked = settings.pictures ?? data.labels.every((l) => l < 0);
    slider.max = data.epochs.length - 1;
    slider.value = data.epochs.indexOf(data.epoch);
    epochText.textContent = String(data.epoch);
    slider.setAttribute("aria-valuetext", `epoch ${data.epoch}`);
    place();
  }

  function place() {
    if (!data) return;
    if (settings.method === "pca" || data.components.length < 4) {
      settle("pca", data.components.map((c) => [c[0] ?? 0, c[1] ?? 0]));
      frame.say(`epoch ${data.epoch}, ${data.images.length} images; the axes show ${number(100 * (data.explained[0] ?? 0), 2)} % and ${number(100 * (data.explained[1] ?? 0), 2)} % of the variance`);
      draw();
      return;
    }
    const key = `${run.id} ${data.epoch}`;
    if (maps.has(key)) {
      settle("umap", maps.get(key));
      frame.say(`epoch ${data.epoch}, ${data.images.length} images, UMAP with 15 neighbors`);
      draw();
      return;
    }
    frame.say(`epoch ${data.epoch}: UMAP is being computed`);
    frame.body.querySelector("svg")?.classList.add("stale"); // the old epoch's points
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

  /** settle takes over a layout, aligned with the last one of its kind. */
  function settle(method, next) {
    const key = `${run.id} ${method}`;
    points = aligned(next, shownBefore.get(key));
    shownBefore.set(key, points);
  }

  function zoom(f, px = frame.body.clientWidth / 2, py = 200) {
    const k = Math.max(1, Math.min(60, view.k * f)), g = k / view.k;
    view = k === 1 ? { k: 1, x: 0, y: 0 } : { k, x: px - (px - view.x) * g, y: py - (py - view.y) * g };
    draw();
  }

  function reset() {
    view = { k: 1, x: 0, y: 0 };
    draw();
  }

  const className = (i) => (data.labels[i] >= 0 ? data.classes[data.labels[i]] ?? `class ${data.labels[i]}` : "no class");
  const many = () => new Set(data.labels).size > fewClasses;
  /** paint returns the color of a class. If there are many, only picked ones have a color, in the order of picking. */
  const paint = (label) => {
    if (label < 0 || (many() && !picked.has(label))) return ink().muted;
    return color(many() ? [...picked].indexOf(label) : label);
  };
  const faded = (label) => picked.size > 0 && !picked.has(label);
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
    const box = frameOf(points), unit = Math.min((w - 36) / box.width, (height - 36) / box.height); // one unit for both axes
    placed = points.map(([px, py]) => [w / 2 + (px - box.x) * unit, height / 2 - (py - box.y) * unit].map((v, d) => v * view.k + (d ? view.y : view.x)));
    const r = points.length > 800 ? 3.2 : 4.2;
    const group = s("g", { stroke: c.card, "stroke-width": 0.8, "fill-opacity": 0.88 });
    // Faded marks are drawn first, so that they cover nothing.
    [...placed.keys()].sort((a, b) => faded(data.labels[b]) - faded(data.labels[a])).forEach((i) => {
      const [px, py] = placed[i], label = data.labels[i];
      const props = { fill: paint(label), "data-i": i, opacity: faded(label) ? 0.15 : null };
      group.append(withPictures.checked ? thumbnail(data.images[i], px, py, Math.min(44, 18 * Math.sqrt(view.k)), props) : mark(shape(label), +px.toFixed(1), +py.toFixed(1), r, props));
    });
    const ring = s("circle", { class: "ring", r: r + 4, fill: "none", stroke: c.text, "stroke-width": 2, visibility: "hidden" });
    const svg = s("svg", { viewBox: `0 0 ${w} ${height}`, tabindex: 0, role: "application", "aria-roledescription": "scatter chart", "aria-label": `${data.images.length} images of the probe set after epoch ${data.epoch}. Arrow keys go from image to image, Enter chooses one, plus and minus zoom, 0 shows all.` }, group, ring);
    const had = frame.body.contains(document.activeElement) && document.activeElement.tagName === "svg";
    frame.body.replaceChildren(svg, card);
    card.hidden = true;
    const at = (e) => {
      const box = svg.getBoundingClientRect(), k = w / box.width;
      return [(e.clientX - box.left) * k, (e.clientY - box.top) * k];
    };
    svg.addEventListener("pointermove", (e) => {
      if (dragged) return;
      const i = nearest(...at(e), 24);
      if (i < 0) hide();
      else show(i, false);
    });
    svg.addEventListener("wheel", (e) => {
      e.preventDefault();
      zoom(Math.exp(-e.deltaY / 300), ...at(e));
    }, { passive: false });
    svg.addEventListener("dblclick", reset);
    svg.addEventListener("pointerdown", (e) => grab(e, at(e)));
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("focus", () => show(Math.min(focus, placed.length - 1), true));
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", keys);
    if (had) svg.focus({ preventScroll: true });
    legend();
    describe();
  }

  let dragged = null; // where a drag began: { at, view, moved }
  /** grab moves the map with the pointer; a click selects an image. */
  function grab(e, from) {
    dragged = { x: e.clientX, y: e.clientY, view, moved: false };
    const move = (to) => {
      const dx = to.clientX - dragged.x, dy = to.clientY - dragged.y;
      if (!dragged.moved && Math.hypot(dx, dy) < 5) return;
      dragged.moved = true;
      view = { k: dragged.view.k, x: dragged.view.x + dx, y: dragged.view.y + dy };
      draw();
    };
    const drop = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", drop);
      const { moved } = dragged;
      dragged = null;
      if (!moved) pin(nearest(...from, 24));
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", drop);
  }

  function pin(i) {
    pinned = i;
    describe();
  }

  /** describe shows the selected image, its file and the images nearest to it. */
  function describe() {
    details.hidden = pinned < 0;
    if (pinned < 0) return;
    const other = (i, text) => h("button", { type: "button", class: "neighbor", "data-image": data.images[i], title: data.paths?.[data.images[i]] ?? "", onclick: () => {
      pin(i);
      show(i, true);
    } }, sprite(data.images[i], 72), h("span", null, text));
    const path = data.paths?.[data.images[pinned]];
    details.replaceChildren(
      h("h3", null, `${className(pinned)} · image ${data.images[pinned]}`),
      h("p", { class: "file" }, path ? h("code", null, path) : "The run does not record which file this is. Newer runs do."),
      h("div", { class: "neighbors" }, sprite(data.images[pinned], 120), nearestTo(data.components, pinned, 8).map(({ j, cosine }) => other(j, `${className(j)} · ${fixed(cosine, 2)}`))),
      h("p", { class: "note" }, `The nearest of the ${data.images.length} images, by the cosine of their ${data.components[pinned].length} principal components.`));
  }

  /** sprite returns the thumbnail of an image. */
  function sprite(image, side) {
    const el = h("span", { class: "picture" });
    showPicture(el, image, side);
    return el;
  }

  function showPicture(el, image, side) {
    el.style.width = el.style.height = `${side}px`;
    el.style.backgroundImage = `url("${thumbnails(run.id)}")`;
    el.style.backgroundSize = `${data.columns * side}px auto`;
    el.style.backgroundPosition = `-${(image % data.columns) * side}px -${Math.floor(image / data.columns) * side}px`;
  }

  /** thumbnail returns the thumbnail of an image as a mark of the chart. */
  function thumbnail(image, x, y, side, { fill, ...props }) {
    const t = data.thumbnail, rows = Math.ceil((Math.max(...data.images) + 1) / data.columns);
    return s("svg", { x: x - side / 2, y: y - side / 2, width: side, height: side, viewBox: `${(image % data.columns) * t} ${Math.floor(image / data.columns) * t} ${t} ${t}`, ...props },
      s("image", { href: thumbnails(run.id), width: data.columns * t, height: rows * t }),
      s("rect", { x: (image % data.columns) * t, y: Math.floor(image / data.columns) * t, width: t, height: t, fill: "none", stroke: fill, "stroke-width": 4 }));
  }

  function nearest(px, py, within) {
    let best = -1, distance = within ** 2;
    placed.forEach(([x, y], i) => {
      const d = (x - px) ** 2 + (y - py) ** 2;
      if (d < distance) [best, distance] = [i, d];
    });
    return best;
  }

  /** keys selects the nearest image in the direction of an arrow key. */
  function keys(e) {
    const to = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (e.key === "Escape") {
      hide();
      pin(-1);
    }
    if (e.key === "Enter") pin(focus);
    const zooms = { "+": 1.6, "=": 1.6, "-": 1 / 1.6 };
    if (zooms[e.key]) zoom(zooms[e.key], ...placed[focus]);
    if (e.key === "0") reset();
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
    const image = data.images[i], path = data.paths?.[image];
    showPicture(picture, image, 96);
    caption.textContent = `${className(i)} · image ${image}${path ? ` · ${path.split("/").pop()}` : ""}`;
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

  /** legend has a button per class; pressing it fades the others. */
  function legend() {
    const used = [...new Set(data.labels)].sort((a, b) => a - b);
    const name = (label) => (label < 0 ? "no class" : data.classes[label] ?? `class ${label}`);
    const had = document.activeElement?.closest?.(".classes button")?.dataset.label;
    classes.replaceChildren(...(many() ? [h("li", { class: "note" }, "Pick classes to color them:")] : []), ...used.map((label) => h("li", null,
      h("button", { type: "button", "data-label": label, "aria-pressed": String(picked.has(label)), onclick: () => {
        if (!picked.delete(label)) picked.add(label);
        draw();
      } }, s("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, mark(shape(label), 6, 6, 4.4, { fill: paint(label) })), name(label)))));
    if (had !== undefined) classes.querySelector(`[data-label="${had}"]`)?.focus();
  }

  const table = () => [["image", "file", "class", "x", "y"], ...points.map((p, i) => [data.images[i], data.paths?.[data.images[i]] ?? "", className(i), p[0], p[1]])];
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
