// The images behind a step, asked for when the link to them appears, so that they are there at the click.

import { cropAddress, getImages } from "./api.js";

const firstRows = 5; // queries whose crops a window shows without scrolling

let ahead = null; // { key, answer, pictures: by address }

const keyOf = (run, step) => `${run} ${step}`;

/** ordered lists the queries of a step with their places in it, in the order in which they are shown. */
export function ordered(traced) {
  const all = traced.queries.map((q, i) => [q, i]);
  return ["heaviest", "weakest"].flatMap((kind) => all.filter(([q]) => q.kind === kind));
}

/** cropsOf lists the addresses of the crops of a query, the i-th of a step. */
function cropsOf(run, traced, [q, i]) {
  const list = [],
    add = (picture, of, negative) => picture?.seen && list.push(cropAddress(run, traced.step, i, of, negative));
  add(q.image, "query");
  add(q.key, "key");
  q.negatives.forEach((n, j) => {
    add(n.image, "negative", j);
    add(n.mixed, "mixed", j);
  });
  return list;
}

/** askAhead asks for the images behind a step, and for the crops that are shown first. */
export async function askAhead(run, step) {
  for (const picture of ahead?.pictures.values() ?? []) if (!picture.complete) picture.src = ""; // other images are wanted now
  const mine = { key: keyOf(run, step), answer: getImages(run, step), pictures: new Map() };
  ahead = mine;
  try {
    const traced = await mine.answer;
    if (ahead !== mine) return;
    for (const row of ordered(traced).slice(0, firstRows))
      for (const address of cropsOf(run, traced, row)) {
        const picture = new Image();
        picture.src = address;
        mine.pictures.set(address, picture);
      }
  } catch {
    // the tab says why there are none
  }
}

/** askImages returns what was asked ahead, once, or asks. */
export function askImages(run, step) {
  const answer = ahead?.key === keyOf(run, step) ? ahead.answer : null;
  if (!answer) return getImages(run, step);
  ahead.answer = null;
  return answer;
}

/** pictureOf returns the element of a crop, which may have been asked for ahead. */
export function pictureOf(address) {
  const picture = ahead?.pictures.get(address) ?? new Image();
  ahead?.pictures.delete(address);
  if (!picture.src) picture.src = address;
  return picture;
}
