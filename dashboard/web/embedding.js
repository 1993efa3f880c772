// The tab with the probe set's images, placed by their features. Several runs are beside
// each other, on the same axes if their probe sets are the same.

import { setting } from "./address.js";
import { getEmbedding, getLayout } from "./api.js";
import { classLegend } from "./classes.js";
import { h } from "./dom.js";
import { embeddingTools } from "./embeddingtools.js";
import { figure } from "./figure.js";
import { count, number } from "./format.js";
import { read } from "./guide.js";
import { aligned, frameOf } from "./layout.js";
import { emptyPlot } from "./linechart.js";
import { motion } from "./motion.js";
import { color, ink } from "./palette.js";
import { imageDetails } from "./picked.js";
import { scatter } from "./scatter.js";

const settings = {
  method: setting("layout", "pca", { valid: (v) => ["pca", "umap"].includes(v), lasting: true }),
  pictures: setting("pictures", null, { lasting: true }), // 0, 1; null: where images have no labels
  epoch: setting("epoch", -1), // -1: the last one
  classes: setting("class", []),
  image: setting("image", -1),
  view: setting("map", null),
};
const names = { pca: "principal components", umap: "UMAP" };
const passage = { chosen: 500, playing: 900 }; // milliseconds from one epoch to the next
const patience = 300; // milliseconds until the server is asked again for what it computes
const fewClasses = 12; // with more, colors are hard to tell apart: classes get a color when they are picked

export function embeddingTab(first) {
  let runs = first,
    closed = false,
    asked = 0,
    known = "";
  const cards = new Map(); // by run: { frame, map, data, layouts, layout, points, box, failed }
  const moving = motion();
  let playing = false,
    arrived = Promise.resolve(); // when the maps are at their layouts
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
  const any = () => [...cards.values()].find((c) => c.data);
  const tools = embeddingTools(settings, {
    load: () => load(),
    draw: () => draw(),
    pause: () => pause(),
    toggle: () => (playing ? pause() : play()),
    circle: () => (host.circling = !host.circling),
    zoom: (by) => (by ? any()?.map.zoom(by) : any()?.map.reset()),
    epochs: () => epochs(),
  });
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
  const details = imageDetails(host);
  const remark = h("p", { class: "probe-note", hidden: true });
  const el = h("div", { class: "embedding" }, tools.el, remark, maps, legend.els, details.el, said);

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
    cards.clear();
    shown.forEach((r, i) => {
      const card = { data: null, layouts: new Map(), layout: null, points: null, box: null };
      card.frame = figure({
        id: i ? `embedding-${i + 1}` : "embedding",
        title: runs.length > 1 ? r.label : "Probe set",
        read: read.embedding,
        csv: () => table(card),
        runs: () => [r.label],
        picture: () => ({
          chart: card.map.picture(),
          about: `epoch ${card.map.map.epoch}, ${names[settings.method.get()]}`,
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

  /** epochOf is the epoch that a run shows when one is wanted: that one, or the last one before it. */
  const epochOf = ({ data }, want) =>
    (want < 0 ? data.epochs.at(-1) : data.epochs.findLast((e) => e <= want)) ?? data.epochs[0];

  /** fetched returns the layout of a run, or { pending } or { failed }: why there is none. */
  async function fetched(id, card, want) {
    const method = settings.method.get(),
      epoch = epochOf(card, want),
      key = `${method} ${epoch}`;
    if (!card.layouts.has(key)) {
      const one = await getLayout(id, method, epoch).catch((error) => ({ epoch, failed: error.message }));
      if (one.pending) return one;
      card.layouts.set(key, { ...one, method });
    }
    return card.layouts.get(key);
  }

  /** load shows the layouts of the epoch and the method of the settings. It resolves to whether they are there. */
  async function load() {
    const ticket = ++asked,
      want = settings.epoch.get(),
      late = () => closed || ticket !== asked;
    await Promise.all(
      [...cards].map(async ([id, card]) => {
        try {
          if (card.data && !card.stale) return;
          card.data = await getEmbedding(id);
          card.stale = false;
          card.layouts.clear();
        } catch (error) {
          if (!late()) card.map.clear(emptyPlot(error.message));
        }
      }),
    );
    if (late() || withData().length === 0) return false;
    tools.at(want);
    const notes = new Set(withData().map((c) => (c.data.note ?? "").trim()));
    if (!comparable())
      notes.add(
        "The probe sets of these runs have different images: each map has axes of its own, and an image of one is not " +
          "in the other.",
      );
    remark.textContent = [...notes].filter(Boolean).join(" ");
    remark.hidden = !remark.textContent;
    const found = await Promise.all([...cards].map(async ([id, card]) => card.data && fetched(id, card, want)));
    if (late()) return false;
    place(found);
    if (!found.some((one) => one?.pending)) return true;
    await new Promise((resolve) => setTimeout(resolve, patience));
    return late() ? false : load();
  }

  /** place takes the layouts, in the order of the cards, and goes to them from those that are shown. */
  function place(found) {
    let k = 0;
    const from = new Map();
    for (const card of cards.values()) {
      const one = found[k++];
      if (!one) continue;
      card.waiting = one.pending ?? null;
      card.failed = one.failed ?? null;
      if (one.pending || one.failed) {
        if (card.layout?.method !== settings.method.get() || one.failed) card.layout = card.points = null;
        card.frame.say(one.pending ?? `epoch ${one.epoch}: there is no layout`);
        continue;
      }
      if (card.points && card.layout.method === one.method && card.layout.epoch !== one.epoch)
        from.set(card, { points: card.points, box: card.box });
      card.layout = one;
      card.frame.say(about(card));
    }
    settle();
    draw();
    moving.stop();
    arrived = from.size ? travel(from) : Promise.resolve();
  }

  function about({ data, layout }) {
    const images = `${count(data.images.length)} images`;
    const byUMAP = layout.method === "umap";
    if (byUMAP && layout.explained?.[0] === 0)
      return `epoch ${layout.epoch}, ${images}, UMAP: all at one point, their features are the same`;
    if (byUMAP) return `epoch ${layout.epoch}, ${images}, UMAP with 15 neighbors`;
    if (!layout.explained[0]) return `epoch ${layout.epoch}, ${images}, all at one point: their features are the same`;
    const shares = [0, 1].map((k) => number(100 * (layout.explained[k] ?? 0), 2));
    return `epoch ${layout.epoch}, ${images}; the axes show ${shares[0]} % and ${shares[1]} % of the variance`;
  }

  /** travel moves the maps from where they were to their layouts, and tells each frame that was drawn. */
  async function travel(from) {
    const ways = [...from].map(([{ map, points, box }, was]) => ({ map, from: was, to: { points, box } }));
    const tell = (detail) => el.dispatchEvent(new CustomEvent("frame", { detail }));
    const there = await moving.travel(ways, playing ? passage.playing : passage.chosen, playing, tell);
    if (there && !closed && !playing) draw();
  }

  /** play goes through the epochs, from the first one if the last one is shown. */
  async function play() {
    playing = true;
    tools.plays(true);
    const all = epochs();
    let k = tools.place() >= all.length - 1 ? 0 : tools.place();
    for (; playing && !closed && k < all.length; k++) {
      const want = all[k];
      settings.epoch.set(k === all.length - 1 ? -1 : want);
      const shown = await load();
      if (!playing || closed) return;
      if (!shown) break; // something else was asked for
      for (const [id, card] of cards) if (card.data && k + 1 < all.length) fetched(id, card, all[k + 1]); // ahead
      await arrived;
    }
    pause();
    draw();
  }

  function pause() {
    playing = false;
    tools.plays(false);
  }

  /** settle turns each layout onto the first run's if the images are the same: those runs share axes. */
  function settle() {
    const same = comparable();
    let reference = null;
    for (const card of cards.values()) {
      if (!card.layout) continue;
      card.points = aligned(card.layout.points, same ? reference : null);
      reference ??= card.points;
    }
    const ready = withData().filter((c) => c.points),
      all = same && ready.length ? frameOf(...ready.map((c) => c.points)) : null;
    for (const card of ready) card.box = all ?? frameOf(card.points);
  }

  function draw() {
    const list = withData();
    if (list.length === 0) return;
    host.pictures =
      settings.pictures.get() === null
        ? list.every((c) => c.data.labels.every((l) => l < 0))
        : settings.pictures.get() === "1";
    tools.pictures(host.pictures);
    for (const [id, card] of cards) {
      if (!card.data) continue;
      const run = runs.find((r) => r.id === id);
      if (card.failed) card.map.clear(emptyPlot(card.failed));
      else if (card.layout)
        card.map.set({ run, data: card.data, epoch: card.layout.epoch, points: card.points, box: card.box });
      if (card.waiting) card.map.wait(card.waiting);
    }
    legend.set(labels(), many());
    describe();
  }

  /** describe shows the chosen image and the images nearest to it, or the circled ones. */
  function describe() {
    const list = [...cards].filter(([, c]) => c.data && c.map.map).map(([id, c]) => ({ id, map: c.map }));
    return details.show(comparable() ? list : list.slice(0, 1), settings.image.get());
  }

  const table = ({ data, points }) => [
    ["image", "file", "class", "x", "y", "circled"],
    ...data.images.map((image, i) => [
      image,
      data.paths?.[image] ?? "",
      host.name(data, i),
      points[2 * i],
      points[2 * i + 1],
      host.selected.has(image) ? 1 : 0,
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
      for (const card of cards.values()) card.stale = true; // there may be another epoch
      await load();
    },
    close() {
      closed = true;
      details.close();
      pause();
      moving.stop();
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
