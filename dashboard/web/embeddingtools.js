// The controls of the embedding: the layout, pictures, the epoch, circling and zoom.

import { h } from "./dom.js";

/**
 * embeddingTools makes the controls. They keep their values in the settings method, pictures and epoch. on has
 * what they do: load, draw, pause, toggle (play or pause), circle (returns whether dragging circles now), zoom
 * (by a factor; without one it shows all) and epochs (a list).
 */
export function embeddingTools(settings, on) {
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
          on.load();
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
      on.pause();
      settings.epoch.set(+slider.value === +slider.max ? -1 : on.epochs()[+slider.value]);
      on.load();
    },
  });
  const player = h("button", { type: "button", name: "play", onclick: on.toggle }, "▶ Play");
  const epochText = h("output");
  const tool = (label, text, go) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: go }, text);
  const withPictures = h("input", {
    type: "checkbox",
    name: "pictures",
    onchange: () => {
      settings.pictures.set(withPictures.checked ? "1" : "0");
      on.draw();
    },
  });
  const circling = h(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      title: "Circle images by dragging; Shift and dragging does so too",
      onclick: () => circling.setAttribute("aria-pressed", String(on.circle())),
    },
    "Circle",
  );
  const el = h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Embedding" },
    radio("pca", "PCA"),
    radio("umap", "UMAP"),
    h("label", { class: "check" }, withPictures, "Pictures"),
    player,
    h("label", { class: "slider" }, "Epoch", slider, epochText),
    h(
      "span",
      { class: "zoom" },
      circling,
      tool("Zoom in", "+", () => on.zoom(1.6)),
      tool("Zoom out", "−", () => on.zoom(1 / 1.6)),
      tool("Show all", "All", () => on.zoom()),
    ),
  );
  return {
    el,
    /** at shows which epoch is wanted: -1 is the last one. */
    at(want) {
      const all = on.epochs();
      slider.max = all.length - 1;
      slider.value = want < 0 ? slider.max : Math.max(0, all.findLastIndex((e) => e <= want));
      player.disabled = all.length < 2;
      epochText.textContent = String(all[+slider.value]);
      slider.setAttribute("aria-valuetext", `epoch ${epochText.textContent}`);
    },
    /** place is the place of the epoch in the list. */
    place: () => +slider.value,
    plays(now) {
      player.textContent = now ? "❚❚ Pause" : "▶ Play";
    },
    pictures(shown) {
      withPictures.checked = shown;
    },
  };
}
