// The tab with the probe set's images, placed by their features. Several runs are beside
// each other, on the same axes if their probe sets are the same.

import { setting } from "./address.js";
import { getEmbedding, umapWorker } from "./api.js";
import { classLegend } from "./classes.js";
import { h } from "./dom.js";
import { figure } from "./figure.js";
import { number } from "./format.js";
import { read } from "./guide.js";
import { aligned, frameOf } from "./layout.js";
import { emptyPlot } from "./linechart.js";
import { color, ink } from "./palette.js";
import { chosen, circled } from "./picked.js";
import { scatter } from "./scatter.js";

const settings = {
  method: setting("layout", "pca", { valid: (v) => ["pca", "umap"].includes(v), lasting: true }),
  pictures: setting("pictures", null, { lasting: true }), // 0, 1; null: where images have no labels
  epoch: setting("epoch", -1), // -1: the last one
  classes: setting("class", []),
  image: setting("image", -1),
  view: setting("map", null),
};
const fewClasses = 12; // with more, colors are hard to tell apart: classes get a color when they are picked

export function embeddingTab(first) {
  let runs = first,
    closed = false,
    asked = 0,
    known = "";
  const shownBefore = new Map(); // the last layout by run and method, which the next one is aligned with
  const cards = new Map(); // by run: { frame, map, data, worker }
  const done = new Map(); // UMAPs by run and epoch
  const host = {
    view: viewOf(),
    circling: false,
    pictures: false,
    selected: new Set(),
    paint,
    faded: (label) => picked().size > 0 && !picked().has(label),
    name: (data, i) => className(data, data.labels[i]),
    said: (text) => {
      said.textContent = text;
    },
    moved() {
      const { k, x, y } = host.view;
      settings.view.set(k === 1 && !x && !y ? null : [k, x, y].map((v) => +v.toFixed(3)).join(","));
      draw();
    },
    pointed: (map, i) => [...cards.values()].forEach((c) => c.map.show(c.map === map || comparable() ? i : -1, false)),
    pinned(map, i) {
      host.selected.clear();
      settings.image.set(i < 0 ? -1 : map.map.data.images[i]);
      draw();
    },
    circled(map, list) {
      host.selected = new Set(list.map((i) => map.map.data.images[i]));
      settings.image.set(-1);
      draw();
    },
  };

  const picked = () => new Set(settings.classes.get().map(Number));
  const radio = (value, label) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "radio",
        name: "method",
        value,
        checked: settings.method.get() === value,
        onchange: () => {
          settings.method.set(value);
          place();
        },
      }),
      label,
    );
  const slider = h("input", {
    type: "range",
    name: "epoch",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Epoch of the features",
    oninput: () => {
      settings.epoch.set(+slider.value === +slider.max ? -1 : epochs()[+slider.value]);
      load();
    },
  });
  const epochText = h("output");
  const tool = (label, text, go) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const withPictures = h("input", {
    type: "checkbox",
    name: "pictures",
    onchange: () => {
      settings.pictures.set(withPictures.checked ? "1" : "0");
      draw();
    },
  });
  const circling = h(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      title: "Circle images by dragging; Shift and dragging does so too",
      onclick: () => {
        host.circling = !host.circling;
        circling.setAttribute("aria-pressed", String(host.circling));
      },
    },
    "Circle",
  );
  const any = () => [...cards.values()].find((c) => c.data);
  const toolbar = h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Embedding" },
    radio("pca", "PCA"),
    radio("umap", "UMAP"),
    h("label", { class: "check" }, withPictures, "Pictures"),
    h("label", { class: "slider" }, "Epoch", slider, epochText),
    h(
      "span",
      { class: "zoom" },
      circling,
      tool("Zoom in", "+", () => any()?.map.zoom(1.6)),
      tool("Zoom out", "−", () => any()?.map.zoom(1 / 1.6)),
      tool("Show all", "All", () => any()?.map.reset()),
    ),
  );
  const maps = h("div", { class: "grid wide" });
  const legend = classLegend({
    name: (label) => className(any().data, label),
    paint,
    picked,
    pick: (set) => {
      settings.classes.set([...set]);
      draw();
    },
  });
  const said = h("p", { class: "hidden", role: "status" });
  const details = h("section", { class: "picked", "aria-label": "The images that were chosen", hidden: true });
  const el = h("div", { class: "embedding" }, toolbar, maps, legend.els, details, said);

  const withData = () => [...cards.values()].filter((c) => c.data);
  const className = (data, label) => (label >= 0 ? (data.classes[label] ?? `class ${label}`) : "no class");
  const labels = () => [...new Set(withData().flatMap((c) => c.data.labels))].sort((a, b) => a - b);
  const many = () => labels().length > fewClasses;
  /** epochs lists the epochs of all runs. A run that has none of that number shows the one before it. */
  const epochs = () => [...new Set(withData().flatMap((c) => c.data.epochs))].sort((a, b) => a - b);

  /** paint returns the color of a class. If there are many, only picked ones have a color, in the order of picking. */
  function paint(label) {
    if (label < 0 || (many() && !picked().has(label))) return ink().muted;
    return color(many() ? [...picked()].indexOf(label) : label);
  }

  /** comparable reports whether the runs have the same images, so that they can be compared image by image. */
  function comparable() {
    const key = ({ data: d }) => JSON.stringify([d.images, d.labels, d.paths]),
      list = withData();
    return list.every((c) => key(c) === key(list[0]));
  }

  function arrange() {
    const shown = runs.filter((r) => r.probe);
    if (maps.dataset.ids === shown.map((r) => r.id).join("\n") && shown.length) return;
    maps.dataset.ids = shown.map((r) => r.id).join("\n");
    for (const c of cards.values()) c.worker?.terminate();
    cards.clear();
    shown.forEach((r, i) => {
      const card = { data: null, worker: null, stamp: "" };
      card.frame = figure({
        id: i ? `embedding-${i + 1}` : "embedding",
        title: runs.length > 1 ? r.label : "Probe set",
        read: read.embedding,
        csv: () => table(card),
        runs: () => [r.label],
        picture: () => ({
          chart: card.map.picture(),
          about: `epoch ${card.data.epoch}, ${settings.method.get() === "pca" ? "principal components" : "UMAP"}`,
          legend: many() ? [] : labels().map((l) => ({ label: className(card.data, l), color: paint(l), mark: l })),
        }),
      });
      card.map = scatter(card.frame.body, host);
      cards.set(r.id, card);
    });
    maps.replaceChildren(
      ...(shown.length
        ? [...cards.values()].map((c) => c.frame.el)
        : [
            emptyPlot(
              "There is no probe set. Train with --probe N to store the features of N images after every epoch, " +
                "with thumbnails of them.",
            ),
          ]),
    );
    maps.classList.toggle("grid", shown.length > 1);
  }

  async function load() {
    const ticket = ++asked,
      want = settings.epoch.get();
    await Promise.all(
      [...cards].map(async ([id, card]) => {
        try {
          const has = card.data?.epochs ?? [],
            nearest = want < 0 || has.includes(want) ? want : (has.findLast((e) => e <= want) ?? -1);
          let data = await getEmbedding(id, nearest).catch((error) => {
            if (nearest < 0) throw error; // the address may have an epoch that this run does not have
            return getEmbedding(id, -1);
          });
          const before = data.epochs.findLast((e) => e <= want) ?? data.epochs[0];
          if (want >= 0 && data.epoch !== before) data = await getEmbedding(id, before);
          if (!closed && ticket === asked) card.data = data;
        } catch (error) {
          if (!closed && ticket === asked) card.map.clear(emptyPlot(error.message));
        }
      }),
    );
    if (closed || ticket !== asked || withData().length === 0) return;
    slider.max = epochs().length - 1;
    slider.value = want < 0 ? slider.max : Math.max(0, epochs().indexOf(want));
    const epoch = String(epochs()[+slider.value]);
    epochText.textContent = epoch;
    slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    place();
  }

  /** place finds the layouts, and draws the maps that have theirs. */
  function place() {
    for (const [id, card] of cards) {
      if (!card.data) continue;
      const { data, frame } = card,
        few = data.components.length < 4,
        images = `${data.images.length} images`;
      if (settings.method.get() === "pca" || few) {
        card.raw = data.components.map((c) => [c[0] ?? 0, c[1] ?? 0]);
        const shares = [0, 1].map((k) => number(100 * (data.explained[k] ?? 0), 2));
        frame.say(
          `epoch ${data.epoch}, ${images}; the axes show ${shares[0]} % and ${shares[1]} % of the variance`,
        );
        continue;
      }
      const key = `${id} ${data.epoch}`;
      card.raw = done.get(key);
      if (card.raw) frame.say(`epoch ${data.epoch}, ${images}, UMAP with 15 neighbors`);
      else compute(card, key);
    }
    settle();
    draw();
  }

  /** compute starts the worker that makes a UMAP. Until it is ready, the old map is faded. */
  function compute(card, key) {
    const { data, frame } = card,
      text = `epoch ${data.epoch}: UMAP is being computed`;
    frame.say(text);
    if (card.computing === key) return;
    card.computing = key;
    card.worker?.terminate();
    card.worker = umapWorker();
    card.worker.onmessage = ({ data: answer }) => {
      card.computing = null;
      if (closed) return;
      if (answer.error) {
        frame.say(`UMAP failed: ${answer.error}`);
        return;
      }
      done.set(answer.key, answer.points);
      place();
    };
    card.worker.postMessage({ rows: data.components, neighbors: 15, key });
  }

  /**
   * settle aligns each layout with the last one of its run and kind, and with the first run's
   * if the images are the same.
   */
  function settle() {
    const method = settings.method.get(),
      same = comparable();
    let reference = null;
    for (const [id, card] of cards) {
      if (!card.raw) continue;
      const key = `${id} ${method}`;
      card.points = aligned(card.raw, (same && reference) || shownBefore.get(key));
      shownBefore.set(key, card.points);
      reference ??= card.points;
    }
    const ready = withData().filter((c) => c.points),
      all = same && ready.length ? frameOf(ready.flatMap((c) => c.points)) : null;
    for (const card of ready) card.box = all ?? frameOf(card.points);
  }

  function draw() {
    const list = withData();
    if (list.length === 0) return;
    host.pictures = withPictures.checked =
      settings.pictures.get() === null
        ? list.every((c) => c.data.labels.every((l) => l < 0))
        : settings.pictures.get() === "1";
    for (const [id, card] of cards) {
      if (!card.data) continue;
      const run = runs.find((r) => r.id === id);
      if (card.raw) card.map.set({ run, data: card.data, points: card.points, box: card.box });
      else card.map.wait(`UMAP of epoch ${card.data.epoch} is being computed`);
    }
    legend.set(labels(), many());
    describe();
  }

  /** describe shows the chosen image and the images nearest to it, or the circled ones. */
  function describe() {
    const list = withData().filter((c) => c.map.map),
      shown = comparable() ? list : list.slice(0, 1);
    const i = list.length ? list[0].data.images.indexOf(settings.image.get()) : -1;
    const choose = (j) => {
      host.pinned(list[0].map, j);
      list[0].map.show(j, true);
    };
    details.hidden = i < 0 && host.selected.size === 0;
    if (i >= 0)
      details.replaceChildren(
        ...chosen(
          shown.map((c) => c.map.map),
          i,
          host.name,
          choose,
        ),
      );
    else if (host.selected.size) {
      const map = list[0].map.map,
        images = [...map.data.images.keys()].filter((j) => host.selected.has(map.data.images[j]));
      details.replaceChildren(...circled(map, images, host.name, choose, () => host.pinned(list[0].map, -1)));
    }
  }

  const table = ({ data, points }) => [
    ["image", "file", "class", "x", "y", "circled"],
    ...points.map((p, i) => [
      data.images[i],
      data.paths?.[data.images[i]] ?? "",
      host.name(data, i),
      p[0],
      p[1],
      host.selected.has(data.images[i]) ? 1 : 0,
    ]),
  ];
  let width = 0;
  const watch = new ResizeObserver(() => {
    if (maps.clientWidth !== width) draw();
    width = maps.clientWidth;
  });
  watch.observe(maps);
  const redraw = () => draw();
  window.addEventListener("themechange", redraw);
  return {
    el,
    async refresh(next) {
      runs = next;
      const now = runs.map((r) => `${r.id} ${r.probe} ${r.epoch}`).join();
      if (now === known) return;
      known = now;
      arrange();
      await load();
    },
    close() {
      closed = true;
      for (const c of cards.values()) c.worker?.terminate();
      watch.disconnect();
      window.removeEventListener("themechange", redraw);
    },
  };
}

/** viewOf returns the zoom and shift of the address. */
function viewOf() {
  const [k, x, y] = (settings.view.get() ?? "").split(",").map(Number);
  return k > 1 && k <= 60 && [x, y].every(Number.isFinite) ? { k, x, y } : { k: 1, x: 0, y: 0 };
}
