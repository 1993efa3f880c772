// Very many marks on a canvas: each is a mask that is written into the pixels, so that a map of 20,000
// images can move.

import { shapeOf } from "./marks.js";

/** distances of a point to the outline of a shape with radius r: negative inside. */
const outlines = {
  circle: (x, y, r) => Math.hypot(x, y) - r,
  square: (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) - r,
  triangle: (x, y, r) => Math.max(y - r, (2.3 * Math.abs(x) - 1.2 * y) / 2.594 - (1.2 * 1.3 * r) / 2.594),
};

/**
 * maskOf returns the pixels of a mark: places (dx and dy of each), and their colors with the coverage as alpha.
 * Pixels of the edge have its color.
 */
function maskOf(shape, r, width, fill, edge, opacity) {
  const half = Math.ceil(1.3 * r + width + 1),
    cover = (d) => Math.max(0, Math.min(1, 0.5 - d)),
    places = [],
    colors = [];
  for (let y = -half; y <= half; y++)
    for (let x = -half; x <= half; x++) {
      const d = outlines[shape](x, y, r),
        inner = cover(d),
        all = cover(d - width);
      if (all < 0.02) continue;
      const mixed = fill.map((v, c) => Math.round((inner * v + (all - inner) * edge[c]) / all));
      places.push(x, y);
      colors.push((Math.round(255 * all * opacity) << 24) | (mixed[2] << 16) | (mixed[1] << 8) | mixed[0]);
    }
  return { half, places: Int32Array.from(places), colors: Int32Array.from(colors) };
}

/** rgb returns red, green and blue of a color as the style sheet writes it. */
function rgb(context, color) {
  context.fillStyle = color;
  const hex = context.fillStyle;
  if (hex.startsWith("#")) return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return hex.match(/[\d.]+/g).slice(0, 3).map(Number);
}

/** over returns the color of a pixel with another one over it, both with alpha. */
function over(top, under) {
  const a = top >>> 24;
  if (a >= 250 || under >>> 24 === 0) return top;
  const b = (((under >>> 24) * (255 - a)) / 255) | 0,
    all = a + b,
    mix = (shift) => ((((top >>> shift) & 255) * a + ((under >>> shift) & 255) * b) / all) | 0;
  return (all << 24) | (mix(16) << 16) | (mix(8) << 8) | mix(0);
}

/**
 * canvasOf returns a canvas for marks: style says how they look, paint draws them. A style has labels, radius,
 * colorOf(label), fadedOf(label), chosenOf(i), and the colors edge and chosen.
 */
export function canvasOf() {
  const canvas = document.createElement("canvas"),
    context = canvas.getContext("2d");
  let image = null,
    pixels = null,
    order = new Int32Array(), // later marks cover earlier ones: faded ones first, chosen ones last
    masks = []; // of the marks, in this order
  const ratio = () => Math.min(2, window.devicePixelRatio || 1);

  function stamp({ half, places, colors }, px, py) {
    const { width, height } = canvas;
    if (px < half || py < half || px >= width - half || py >= height - half) {
      for (let k = 0; k < colors.length; k++) {
        const x = px + places[2 * k],
          y = py + places[2 * k + 1];
        if (x >= 0 && y >= 0 && x < width && y < height)
          pixels[y * width + x] = over(colors[k], pixels[y * width + x]);
      }
      return;
    }
    const at = py * width + px;
    for (let k = 0; k < colors.length; k++) {
      const to = at + places[2 * k + 1] * width + places[2 * k];
      pixels[to] = over(colors[k], pixels[to]);
    }
  }

  return {
    canvas,
    style({ labels, radius, colorOf, fadedOf, chosenOf, edge, chosen }) {
      const k = ratio(),
        [edgeColor, chosenColor] = [rgb(context, edge), rgb(context, chosen)],
        kinds = new Map();
      const maskFor = (label, isChosen) => {
        const key = `${label} ${isChosen}`;
        if (!kinds.has(key)) {
          const faded = fadedOf(label),
            ring = isChosen ? chosenColor : edgeColor;
          kinds.set(key, {
            pass: isChosen ? 2 : faded ? 0 : 1,
            mask: maskOf(shapeOf(label), radius * k, (isChosen ? 1.6 : 0.5) * k, rgb(context, colorOf(label)), ring, faded ? 0.15 : 1),
          });
        }
        return kinds.get(key);
      };
      const all = labels.map((label, i) => maskFor(label, chosenOf(i))),
        passes = [[], [], []];
      all.forEach(({ pass }, i) => passes[pass].push(i));
      order = Int32Array.from(passes.flat());
      masks = Array.from(order, (i) => all[i].mask);
    },
    /** paint draws the marks at the points of the Float32Array at. */
    paint(at, width, height) {
      const k = ratio(),
        [w, h] = [Math.round(width * k), Math.round(height * k)];
      if (canvas.width !== w || canvas.height !== h || !image) {
        [canvas.width, canvas.height] = [w, h];
        image = context.createImageData(w, h);
        pixels = new Int32Array(image.data.buffer);
      }
      pixels.fill(0);
      for (let m = 0; m < order.length; m++) {
        const i = order[m],
          px = Math.round(at[2 * i] * k),
          py = Math.round(at[2 * i + 1] * k);
        if (px > -50 && py > -50 && px < w + 50 && py < h + 50) stamp(masks[m], px, py);
      }
      context.putImageData(image, 0, 0);
    },
    /** pictures draws thumbnails over the marks: draw(context, i, x, y) for the images of list. */
    pictures(at, list, draw) {
      context.save();
      context.scale(ratio(), ratio());
      for (const i of list) draw(context, i, at[2 * i], at[2 * i + 1]);
      context.restore();
    },
  };
}
