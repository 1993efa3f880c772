// What is below the map: the image that was chosen with its nearest images, or the images
// that were circled.

import { getNearest } from "./api.js";
import { h } from "./dom.js";
import { count, fixed } from "./format.js";
import { sprite } from "./pictures.js";

const most = 120; // pictures of circled images

const fileOf = (data, i) => data.paths?.[data.images[i]];

/** button is a picture that chooses its image. */
const button = ({ run, data }, i, text, choose) =>
  h(
    "button",
    {
      type: "button",
      class: "neighbor",
      "data-image": data.images[i],
      title: fileOf(data, i) ?? "",
      onclick: () => choose(i),
    },
    sprite(run, data, data.images[i], 72),
    h("span", null, text),
  );

/**
 * chosen shows image i of the maps, each with its nearest images, the answers of getNearest. name(data, i) names
 * its class.
 */
function chosen(maps, i, nearest, name, choose) {
  const { data, run } = maps[0],
    path = fileOf(data, i);
  return [
    h("h3", null, `${name(data, i)} · image ${data.images[i]}`),
    h(
      "p",
      { class: "file" },
      path ? h("code", null, path) : "The run does not record which file this is. Newer runs do.",
    ),
    ...maps.flatMap((map, at) => [
      maps.length > 1 && h("h4", null, map.run.label),
      h(
        "div",
        { class: "neighbors" },
        map === maps[0] && sprite(run, data, data.images[i], 120),
        nearest[at].near.map(({ image: j, cosine }) =>
          button(map, j, `${name(map.data, j)} · ${fixed(cosine, 2)}`, choose),
        ),
      ),
    ]),
    h(
      "p",
      { class: "small" },
      `The nearest of the ${data.images.length} images after epoch ${maps[0].epoch}, ` +
        `by the cosine of their ${nearest[0].components} principal components.`,
    ),
  ].filter(Boolean);
}

/** circled shows the images of a list, and how many there are of each class. */
function circled(map, list, name, choose, clear) {
  const { data } = map,
    sizes = new Map();
  for (const i of list) sizes.set(name(data, i), (sizes.get(name(data, i)) ?? 0) + 1);
  const classes = [...sizes].sort((a, b) => b[1] - a[1]),
    shown = classes.slice(0, 8).map(([n, k]) => `${n} ${count(k)}`);
  return [
    h(
      "div",
      { class: "row" },
      h("h3", null, `${count(list.length)} ${list.length === 1 ? "image" : "images"} circled`),
      h("button", { type: "button", onclick: clear }, "Clear"),
    ),
    h(
      "p",
      { class: "file" },
      [...shown, classes.length > 8 ? `and ${classes.length - 8} more classes` : ""].filter(Boolean).join(" · "),
    ),
    h(
      "div",
      { class: "neighbors" },
      list
        .slice(0, most)
        .map((i) => button(map, i, fileOf(data, i)?.split("/").pop() ?? `image ${data.images[i]}`, choose)),
    ),
    list.length > most &&
      h("p", { class: "small" }, `The first ${most} are shown; the CSV of the chart has all, in its column circled.`),
  ].filter(Boolean);
}

const neighbors = 8; // shown of an image

/** imageDetails is that part of the page. host is that of the maps. */
export function imageDetails(host) {
  let asked = 0;
  const el = h("section", { class: "picked", "aria-label": "The images that were chosen", hidden: true });
  return {
    el,
    /** show shows an image by its number in the maps, a list of { id, map }, or what was circled in the first one. */
    async show(maps, image) {
      const ticket = ++asked,
        first = maps[0]?.map,
        i = first ? first.map.data.images.indexOf(image) : -1;
      const choose = (j) => {
        host.pinned(first, j);
        first.show(j, true);
      };
      if (i >= 0) {
        const nearest = await Promise.all(
          maps.map(({ id, map }) => getNearest(id, map.map.epoch, i, neighbors)),
        ).catch((error) => error);
        if (ticket !== asked) return;
        el.hidden = false;
        el.replaceChildren(
          ...(nearest instanceof Error
            ? [h("p", null, nearest.message)]
            : chosen(
                maps.map((m) => m.map.map),
                i,
                nearest,
                host.name,
                choose,
              )),
        );
        return;
      }
      el.hidden = host.selected.size === 0;
      if (el.hidden || !first) return;
      const list = [...first.map.data.images.keys()].filter((j) => host.selected.has(first.map.data.images[j]));
      el.replaceChildren(...circled(first.map, list, host.name, choose, () => host.pinned(first, -1)));
    },
    close() {
      asked++;
    },
  };
}
