// The tab with the images behind the scores of a step: queries with the weakest positives, and those
// on which single negatives weigh most, as the crops that the network saw. The server draws the
// crops again from their seeds.

import { setting } from "./address.js";
import { askImages, ordered, pictureOf } from "./ahead.js";
import { cropAddress } from "./api.js";
import { h } from "./dom.js";
import { count, number } from "./format.js";
import { emptyPlot } from "./linechart.js";

const patience = 300; // milliseconds until the server is asked again for what it opens
const at = setting("at", 0); // a step; 0: the last one

const percent = (share) => `${number(100 * share, share < 0.0995 ? 2 : 3)} %`;

/** sentences say what the series of a step mean. */
function sentences(shares) {
  const has = (name) => Number.isFinite(shares[name]),
    list = [];
  if (has("grad_hardest1"))
    list.push(
      ["hardest", "The hardest negative of a query", percent(shares.grad_hardest1)],
      ["hardest10", "its 10 hardest", percent(shares.grad_hardest10)],
      ["hardest100", "its 100 hardest", percent(shares.grad_hardest100)],
    );
  if (has("grad_own")) list.push(["own", "older keys of its own image", percent(shares.grad_own)]);
  if (has("grad_near")) list.push(["near", "other images nearer than its own key", percent(shares.grad_near)]);
  if (has("grad_class")) list.push(["class", "other images of its class", percent(shares.grad_class)]);
  if (has("grad_untrained")) list.push(["untrained", "untrained keys", percent(shares.grad_untrained)]);
  if (has("grad_age")) list.push(["age", "mean age of what pushes", `${number(shares.grad_age, 3)} steps`]);
  return list;
}

/** crop is a picture with its text. */
function crop(source, picture, lines, mark = "") {
  const name = picture.path.split("/").pop(),
    what = picture.image < 0 ? "unknown image" : picture.class || name || `image ${picture.image}`;
  const title = picture.image < 0 ? "A key of no known image" : `${picture.path || `image ${picture.image}`}`;
  return h(
    "figure",
    { class: "crop", "data-mark": mark, title },
    picture.seen
      ? shownPicture(source, what)
      : h("div", { class: "unseen" }, picture.image < 0 ? "?" : `image ${picture.image}`),
    h("figcaption", null, h("b", null, what), lines.map((l) => h("span", null, l))),
  );
}

/** shownPicture is the picture of a crop, or the reason why there is none. */
function shownPicture(source, alt) {
  const img = pictureOf(source);
  Object.assign(img, { alt, width: 84, height: 84, decoding: "async" });
  if (img.complete && !img.naturalWidth) failed({ target: img }); // it was asked for ahead, in vain
  else img.addEventListener("error", failed, { once: true });
  return img;
}

/** failed replaces a picture that cannot be shown by the reason. */
async function failed(e) {
  const img = e.target;
  let why = "the picture cannot be shown";
  try {
    why = (await (await fetch(img.src)).text()).trim() || why;
  } catch {
    // the server has ended
  }
  img.replaceWith(h("div", { class: "unseen", title: why }, why));
}

export function imagesTab(first) {
  let run = first[0],
    shown = null,
    closed = false,
    again = 0,
    asked = 0;
  const slider = h("input", {
    type: "range",
    name: "at",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Step",
    oninput: () => {
      at.set(1 + slider.value * shown.every);
      load();
    },
  });
  const time = h("output");
  const nearest = h("p", { class: "small nearest", role: "status", hidden: true });
  const note = h("p", { class: "empty", role: "status", hidden: true });
  const facts = h("dl", { class: "shares", "aria-label": "Where the gradient of the negatives comes from" });
  const lists = h("div");
  const choose = h("label", { class: "slider time" }, h("span", { class: "row" }, "Step", time), slider);
  const el = h(
    "div",
    { class: "images" },
    choose,
    nearest,
    note,
    facts,
    lists,
  );

  async function load() {
    const ticket = ++asked;
    if (first.length > 1) {
      choose.hidden = nearest.hidden = facts.hidden = true;
      note.hidden = false;
      note.textContent = "Open one run to see the images behind its scores.";
      return;
    }
    let got;
    try {
      got = await askImages(run.id, at.get() || 2 ** 31);
    } catch (error) {
      if (closed || ticket !== asked) return;
      el.replaceChildren(emptyPlot(`${error.message[0].toUpperCase()}${error.message.slice(1)}.`));
      return;
    }
    if (closed || ticket !== asked) return;
    const same = shown && shown.step === got.step && shown.note === got.note && shown.pending === got.pending;
    shown = got;
    draw(same);
    clearTimeout(again);
    if (got.pending) again = setTimeout(load, patience);
  }

  function draw(same) {
    slider.max = Math.max(0, Math.floor((run.last - 1) / shown.every));
    slider.value = Math.floor((shown.step - 1) / shown.every);
    time.textContent = `step ${count(shown.step)}, epoch ${count(shown.epoch)}`;
    slider.setAttribute("aria-valuetext", time.textContent);
    nearest.hidden = !at.get() || at.get() === shown.step;
    if (!nearest.hidden)
      nearest.textContent =
        `This is step ${count(shown.step)}, the nearest one to step ${count(at.get())}: ` +
        `the record names the images of every ${shown.every > 1 ? `${count(shown.every)}th ` : ""}step.`;
    if (same) return;
    note.hidden = !shown.note && !shown.pending;
    note.textContent = shown.pending
      ? "The images of the training are being opened. Names and crops come then."
      : `No crops: ${shown.note}.`;
    facts.replaceChildren(
      ...sentences(shown.shares).map(([id, name, value]) =>
        h("div", { "data-share": id }, h("dt", null, name), h("dd", null, value)),
      ),
    );
    const part = (kind, title, about) => {
      const rows = ordered(shown).filter(([q]) => q.kind === kind);
      return h("section", null, h("h2", null, title), h("p", { class: "small" }, about), rows.map(row));
    };
    lists.replaceChildren(
      part(
        "heaviest",
        "Heaviest negatives",
        "Queries on which a single negative weighs most. Shares are of the gradient that all negatives of the query give; " +
          "“pushed by” is the part of the softmax that they have.",
      ),
      part("weakest", "Weakest positives", "Queries of the batch that score lowest with their own key, and what pushes them."),
    );
  }

  function row([q, i]) {
    const address = (of, negative) => cropAddress(run.id, shown.step, i, of, negative);
    const steps = (p) => (p.seen || p.age > 0 ? `${count(p.age)} ${p.age === 1 ? "step" : "steps"} old` : "untrained");
    const negative = (n, j) => {
      const lines = [percent(n.share), `q·n ${number(n.score, 2)}`, steps(n.image)];
      if (n.same) lines.push(n.same === "image" ? "own image" : "own class");
      const first = crop(address("negative", j), n.image, lines, n.same);
      if (!n.mixed) return first;
      const other = crop(address("mixed", j), n.mixed, [`1−λ = ${number(1 - n.lambda, 2)}`, steps(n.mixed)]);
      return h("div", { class: "mixture" }, first, h("span", { "aria-hidden": "true" }, "+"), other);
    };
    return h(
      "div",
      { class: "behind-row", "data-query": i },
      h(
        "div",
        { class: "pair" },
        crop(address("query"), q.image, ["query", `pushed by ${percent(q.weight)}`]),
        crop(address("key"), q.key, ["its key", `q·k ${number(q.positive, 2)}`]),
      ),
      h("div", { class: "pushing" }, q.negatives.map(negative)),
    );
  }

  return {
    el,
    refresh(next) {
      run = next[0];
      return load();
    },
    close() {
      closed = true;
      clearTimeout(again);
    },
  };
}
