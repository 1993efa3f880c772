// Thumbnails of a probe set. They are tiles of one picture.

import { thumbnails } from "./api.js";
import { h, s } from "./dom.js";

/** show makes an element show the thumbnail of an image. */
export function show(el, run, data, image, side) {
  el.style.width = el.style.height = `${side}px`;
  el.style.backgroundImage = `url("${thumbnails(run.id)}")`;
  el.style.backgroundSize = `${data.columns * side}px auto`;
  el.style.backgroundPosition = `-${(image % data.columns) * side}px -${Math.floor(image / data.columns) * side}px`;
}

/** sprite returns an element with the thumbnail of an image. */
export function sprite(run, data, image, side) {
  const el = h("span", { class: "picture" });
  show(el, run, data, image, side);
  return el;
}

/** drawn returns the thumbnail of an image as a mark of a chart, with a frame in the color fill. */
export function drawn(run, data, image, x, y, side, { fill, stroke, "stroke-width": width, ...props }) {
  const t = data.thumbnail,
    rows = Math.ceil((data.images.at(-1) + 1) / data.columns),
    [left, top] = [(image % data.columns) * t, Math.floor(image / data.columns) * t];
  return s(
    "svg",
    { x: x - side / 2, y: y - side / 2, width: side, height: side, viewBox: `${left} ${top} ${t} ${t}`, ...props },
    s("image", { href: thumbnails(run.id), width: data.columns * t, height: rows * t }),
    s("rect", {
      x: left,
      y: top,
      width: t,
      height: t,
      fill: "none",
      stroke: stroke ?? fill,
      "stroke-width": width ? 8 : 4,
    }),
  );
}

const sheets = new Map(); // by address: the picture with all thumbnails, once it is there

/**
 * onCanvas returns a function that draws a thumbnail on a canvas with a frame in a color, or null while the
 * pictures are loaded; later is called when they are there.
 */
export function onCanvas(run, later) {
  const address = thumbnails(run.id);
  if (!sheets.has(address)) {
    const sheet = new Image();
    sheets.set(address, sheet);
    sheet.addEventListener("load", later);
    sheet.src = address;
  }
  const sheet = sheets.get(address);
  if (!sheet.complete || !sheet.naturalWidth) return null;
  return (context, data, image, x, y, side, color) => {
    const t = data.thumbnail;
    context.drawImage(sheet, (image % data.columns) * t, Math.floor(image / data.columns) * t, t, t, x - side / 2, y - side / 2, side, side);
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    context.strokeRect(x - side / 2, y - side / 2, side, side);
  };
}
