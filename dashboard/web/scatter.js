// A map of images: marks or thumbnails that can be zoomed, moved, pointed at and circled.

import { h, s } from "./dom.js";
import { mark } from "./marks.js";
import { ink } from "./palette.js";
import { drawn as thumbnail, onCanvas, show as showPicture } from "./pictures.js";
import { canvasOf } from "./points.js";

const many = 1000; // images from which on marks are drawn on a canvas
const mostPictures = 1500; // thumbnails on a canvas

/**
 * scatter draws a map into body. The host has what several maps share:
 *
 *	view       { k, x, y }: the zoom, and the shift in widths of the map
 *	circling   whether dragging circles images
 *	pictures   whether images are thumbnails
 *	paint(label), faded(label), name(data, i), selected (a Set of images)
 *	moved(), pointed(map, i), pinned(map, i), circled(map, list)   what the reader did
 */
export function scatter(body, host) {
  let map = null,
    placed = new Float32Array(), // pixels
    elements = [], // the marks, each with the pixels at which it was made
    focus = 0,
    dragged = null; // map: { run, data, epoch, points, box }
  const cloud = canvasOf();
  const caption = h("p", { class: "caption" }),
    picture = h("div", { class: "picture" });
  const card = h("div", { class: "tip", hidden: true }, picture, caption);
  body.classList.add("scatter");

  /** place returns the pixels of a layout's points in a map of w x height pixels: one unit for both axes. */
  function place({ points, box }, w, height, view, out = new Float32Array(points.length)) {
    const unit = Math.min((w - 36) / box.width, (height - 36) / box.height) * view.k,
      x0 = w / 2 + view.x * w - box.x * unit,
      y0 = height / 2 + view.y * w + box.y * unit;
    for (let i = 0; i < out.length; i += 2) {
      out[i] = x0 + points[i] * unit;
      out[i + 1] = y0 - points[i + 1] * unit;
    }
    return out;
  }

  const size = () => {
    const w = Math.max(260, body.clientWidth);
    return [w, Math.max(300, Math.min(520, w * 0.64))];
  };
  const pictureSide = () => Math.min(44, 18 * Math.sqrt(host.view.k));

  /** marks draws the images. Faded ones are first, so that they cover nothing. */
  function marks(at, w) {
    const { data, run } = map,
      n = data.images.length,
      r = (n > 800 ? 3.2 : 4.2) * (w < 500 ? 0.85 : 1),
      c = ink();
    const group = s("g", { stroke: c.card, "stroke-width": 0.8, "fill-opacity": 0.88 });
    const label = (i) => data.labels[i];
    elements = new Array(n);
    [...Array(n).keys()]
      .sort((a, b) => host.faded(label(b)) - host.faded(label(a)))
      .forEach((i) => {
        const [x, y] = [at[2 * i], at[2 * i + 1]].map((v) => +v.toFixed(1)),
          chosen = host.selected.has(data.images[i]);
        const props = {
          fill: host.paint(label(i)),
          "data-i": i,
          opacity: host.faded(label(i)) ? 0.15 : null,
          ...(chosen ? { stroke: c.text, "stroke-width": 1.6 } : {}),
        };
        const el = host.pictures
          ? thumbnail(run, data, data.images[i], x, y, pictureSide(), props)
          : mark(label(i), x, y, r, props);
        elements[i] = { el, x, y };
        group.append(el);
      });
    return group;
  }

  /** style says how the marks on the canvas look. */
  function style(w) {
    const { data } = map,
      c = ink();
    cloud.style({
      labels: data.labels,
      radius: (data.images.length > 5000 ? 2 : 3) * (w < 500 ? 0.85 : 1),
      colorOf: host.paint,
      fadedOf: host.faded,
      chosenOf: (i) => host.selected.size > 0 && host.selected.has(data.images[i]),
      edge: c.card,
      chosen: c.text,
    });
  }

  /** scattered draws the images on the canvas. */
  function scattered(w, height) {
    const { data, run } = map,
      n = data.images.length;
    cloud.paint(placed, w, height);
    if (!host.pictures) return;
    const inView = [];
    for (let i = 0; i < n; i++) {
      const [x, y] = [placed[2 * i], placed[2 * i + 1]];
      if (x > 0 && y > 0 && x < w && y < height && !host.faded(data.labels[i])) inView.push(i);
    }
    const every = Math.ceil(inView.length / mostPictures),
      some = inView.filter((_, k) => k % every === 0);
    const sheet = onCanvas(run, draw);
    if (sheet)
      cloud.pictures(placed, some, (context, i, x, y) =>
        sheet(context, data, data.images[i], x, y, pictureSide(), host.paint(data.labels[i])),
      );
  }

  function draw() {
    if (!map) return;
    const [w, height] = size(),
      { data } = map,
      few = data.images.length <= many;
    placed = place(map, w, height, host.view);
    const ring = s("circle", {
      class: "ring",
      r: 8,
      fill: "none",
      stroke: ink().text,
      "stroke-width": 2,
      visibility: "hidden",
    });
    const loop = s("path", {
      class: "loop",
      fill: ink().accent,
      "fill-opacity": 0.12,
      stroke: ink().accent,
      "stroke-width": 1.5,
    });
    const svg = s(
      "svg",
      {
        viewBox: `0 0 ${w} ${height}`,
        tabindex: 0,
        role: "application",
        "aria-roledescription": "scatter chart",
        "aria-label":
          `${data.images.length} images of the probe set after epoch ${map.epoch}. Arrow keys go from image ` +
          "to image, Enter chooses one, plus and minus zoom, 0 shows all.",
      },
      few && marks(placed, w),
      ring,
      loop,
    );
    const had = body.contains(document.activeElement) && document.activeElement.tagName === "svg";
    body.replaceChildren(...(few ? [] : [cloud.canvas]), svg, card);
    if (!few) {
      cloud.canvas.style.aspectRatio = `${w} / ${height}`;
      style(w);
      scattered(w, height);
    }
    card.hidden = true;
    const at = (e) => {
      const box = svg.getBoundingClientRect(),
        k = w / box.width;
      return [(e.clientX - box.left) * k, (e.clientY - box.top) * k];
    };
    svg.addEventListener("pointermove", (e) => {
      if (!dragged) host.pointed(self, nearest(...at(e), 24));
    });
    svg.addEventListener(
      "wheel",
      (e) => {
        e.preventDefault();
        zoom(Math.exp(-e.deltaY / 300), ...at(e));
      },
      { passive: false },
    );
    svg.addEventListener("dblclick", () => reset());
    svg.addEventListener("pointerdown", (e) => grab(e, at(e), w));
    svg.addEventListener("pointerleave", () => host.pointed(self, -1));
    svg.addEventListener("focus", () => show(Math.min(focus, placed.length / 2 - 1), true));
    svg.addEventListener("blur", () => host.pointed(self, -1));
    svg.addEventListener("keydown", keys);
    if (had) svg.focus({ preventScroll: true });
  }

  /** zoom keeps the point px, py where it is; by default the middle. */
  function zoom(f, px = body.clientWidth / 2, py = 200) {
    const [w, height] = size(),
      { view } = host;
    const k = Math.max(1, Math.min(60, view.k * f)),
      g = k / view.k,
      fromX = (px - w / 2) / w,
      fromY = (py - height / 2) / w;
    Object.assign(
      view,
      k === 1 ? { k: 1, x: 0, y: 0 } : { k, x: fromX - (fromX - view.x) * g, y: fromY - (fromY - view.y) * g },
    );
    host.moved();
  }

  function reset() {
    Object.assign(host.view, { k: 1, x: 0, y: 0 });
    host.moved();
  }

  /** grab moves the map with the pointer, or circles images; a click selects an image. */
  function grab(e, from, w) {
    const start = { ...host.view },
      path = [from],
      circling = host.circling || e.shiftKey;
    dragged = { moved: false };
    const scale = w / body.querySelector("svg").getBoundingClientRect().width;
    const move = (to) => {
      const by = [to.clientX - e.clientX, to.clientY - e.clientY].map((v) => v * scale);
      if (!dragged.moved && Math.hypot(...by) < 5) return;
      dragged.moved = true;
      if (circling) {
        path.push([from[0] + by[0], from[1] + by[1]]);
        body
          .querySelector(".loop")
          .setAttribute("d", `M${path.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L")}Z`);
      } else {
        Object.assign(host.view, { x: start.x + by[0] / w, y: start.y + by[1] / w });
        host.moved();
      }
    };
    const drop = () => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", drop);
      const { moved } = dragged;
      dragged = null;
      if (!moved) host.pinned(self, nearest(...from, 24));
      else if (circling)
        host.circled(
          self,
          [...map.data.images.keys()].filter((i) => inside(pixel(i), path) && !host.faded(map.data.labels[i])),
        );
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", drop);
  }

  const pixel = (i) => [placed[2 * i], placed[2 * i + 1]];

  function nearest(px, py, within) {
    let best = -1,
      distance = within ** 2;
    for (let i = 0; i < placed.length / 2; i++) {
      const d = (placed[2 * i] - px) ** 2 + (placed[2 * i + 1] - py) ** 2;
      if (d < distance) [best, distance] = [i, d];
    }
    return best;
  }

  /** keys selects the nearest image in the direction of an arrow key. */
  function keys(e) {
    const to = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (e.key === "Escape") host.pinned(self, -1);
    if (e.key === "Enter") host.pinned(self, focus);
    const zooms = { "+": 1.6, "=": 1.6, "-": 1 / 1.6 };
    if (zooms[e.key]) zoom(zooms[e.key], ...pixel(focus));
    if (e.key === "0") reset();
    if (!to) return;
    e.preventDefault();
    const [x, y] = pixel(focus);
    let best = -1,
      cost = Infinity;
    map.data.images.forEach((_, i) => {
      const [px, py] = pixel(i),
        along = (px - x) * to[0] + (py - y) * to[1],
        aside = Math.abs((px - x) * to[1]) + Math.abs((py - y) * to[0]);
      if (i !== focus && along > 0.5 && along + 2 * aside < cost) [best, cost] = [i, along + 2 * aside];
    });
    if (best >= 0) show(best, true);
  }

  /** show puts a ring around an image, and its picture beside it; i < 0 removes both. */
  function show(i, byKey) {
    const svg = body.querySelector("svg"),
      ring = svg?.querySelector(".ring");
    if (!ring) return;
    card.hidden = i < 0;
    ring.setAttribute("visibility", i < 0 ? "hidden" : "visible");
    if (i < 0) return;
    focus = i;
    const [x, y] = pixel(i),
      { data, run } = map,
      image = data.images[i],
      path = data.paths?.[image];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    showPicture(picture, run, data, image, 96);
    caption.textContent = `${host.name(data, i)} · image ${image}${path ? ` · ${path.split("/").pop()}` : ""}`;
    card.dataset.image = image;
    const k = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width,
      width = 122,
      room = body.clientWidth;
    const beside = x * k > room - width - 20 ? -width - 14 : 14;
    card.style.left = `${Math.max(0, Math.min(room - width, x * k + beside))}px`;
    card.style.top = `${Math.max(0, Math.min(svg.getBoundingClientRect().height - 140, y * k - 60))}px`;
    if (byKey) host.said(`${host.name(data, i)}, image ${image}`);
  }

  const self = {
    get map() {
      return map;
    },
    /** set shows a layout: { run, data, epoch, points, box }. */
    set(next) {
      map = next;
      focus = Math.min(focus, map.data.images.length - 1);
      draw();
    },
    /** move shows the images at other points: a frame on the way to another layout. */
    move(points, box) {
      if (!map || map.points.length !== points.length) return;
      map = { ...map, points, box };
      const [w, height] = size();
      place(map, w, height, host.view, placed);
      if (map.data.images.length > many) {
        scattered(w, height);
        return;
      }
      elements.forEach(({ el, x, y }, i) => {
        const [dx, dy] = [placed[2 * i] - x, placed[2 * i + 1] - y];
        if (el.tagName !== "svg") {
          el.setAttribute("transform", `translate(${dx.toFixed(1)} ${dy.toFixed(1)})`);
          return;
        }
        const half = el.width.baseVal.value / 2;
        el.setAttribute("x", placed[2 * i] - half);
        el.setAttribute("y", placed[2 * i + 1] - half);
      });
    },
    /** clear shows elements instead of a map. */
    clear(...children) {
      map = null;
      body.replaceChildren(...children);
    },
    /** wait fades the map, which is that of another epoch, and says what is being computed. */
    wait(text) {
      for (const el of body.querySelectorAll("svg, canvas")) el.classList.add("stale");
      body.querySelector(".computing")?.remove();
      body.append(h("p", { class: "computing", role: "status" }, text));
    },
    /** picture is the map for a file. */
    picture() {
      const w = 720,
        height = 460,
        shown = elements;
      const drawing = s(
        "svg",
        { viewBox: `0 0 ${w} ${height}` },
        s("svg", { width: w, height, overflow: "hidden" }, marks(place(map, w, height, host.view), w)),
      );
      elements = shown; // those on the page
      return drawing;
    },
    draw,
    show,
    zoom,
    reset,
  };
  return self;
}

/** inside reports whether a point lies in a polygon: whether a ray from it crosses the edge an odd number of times. */
function inside([x, y], polygon) {
  let odd = false;
  polygon.forEach(([x0, y0], i) => {
    const [x1, y1] = polygon[(i + 1) % polygon.length];
    if (y0 > y !== y1 > y && x < x0 + ((y - y0) / (y1 - y0)) * (x1 - x0)) odd = !odd;
  });
  return odd;
}
