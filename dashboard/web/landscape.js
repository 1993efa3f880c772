// The drawing of a landscape: curves one behind the other in a box, seen at an angle.

import { path, ticks } from "./axes.js";
import { s } from "./dom.js";
import { shortened } from "./format.js";
import { ink } from "./palette.js";

const tall = 0.62; // height of the box; its depth is 1

/**
 * landscape draws a scene of w x height pixels. The scene has curves { x[], y[], z, color,
 * fill, width }, where z is a value of the depth axis, and axes x, y and z: { low, high,
 * title, whole, labels }. labels, instead of ticks, are { value, text }. front is the value of
 * z that is in front. The view has turn (around the vertical axis) and tilt (downwards) in
 * radians, and zoom and shift in pixels. chosen is the index of a curve that stands out.
 *
 * It returns { svg, places }, with the pixels [px, py] of the points of each curve.
 */
export function landscape(scene, view, w, height, chosen = -1) {
  const c = ink(),
    { x, y, z } = scene.axes;
  const labels = z.labels?.map((l) => ({ ...l, text: shortened(l.text, w < 600 ? 14 : 26) }));
  const edge = w < 500 ? 54 : 66;
  const margin = {
    left: edge,
    right: labels ? Math.min(w * 0.3, 30 + 6.2 * Math.max(...labels.map((l) => l.text.length))) : edge,
    top: 12,
    bottom: 54,
  };
  const room = [w - margin.left - margin.right, height - margin.top - margin.bottom];
  const wide = Math.max(0.8, Math.min(2.4, (1.15 * room[0]) / room[1]));
  /** unit projects a point of the box, 0 … 1 on each axis; depth 1 is the back. */
  const unit = (a, b, d) => {
    const u = (a - 0.5) * wide,
      v = d - 0.5;
    const right = u * Math.cos(view.turn) - v * Math.sin(view.turn),
      back = u * Math.sin(view.turn) + v * Math.cos(view.turn);
    const up = (b - 0.5) * tall * Math.cos(view.tilt) + back * Math.sin(view.tilt);
    const near = 1 / (1 + 0.16 * (back * Math.cos(view.tilt)));
    return [right * near, -up * near];
  };
  // Whatever the angle, the box fills the room; it is stretched a little where that helps.
  const corners = [0, 1].flatMap((a) => [0, 1].flatMap((b) => [0, 1].map((d) => unit(a, b, d))));
  const span = (k) => [Math.min(...corners.map((p) => p[k])), Math.max(...corners.map((p) => p[k]))];
  const [left, right] = span(0),
    [top, bottom] = span(1);
  let sizes = [room[0] / (right - left), room[1] / (bottom - top)];
  sizes = sizes.map((v, k) => Math.min(v, sizes[1 - k] * 1.35));
  const center = [margin.left + room[0] / 2, margin.top + room[1] / 2];
  const project = (a, b, d) =>
    unit(a, b, d).map(
      (v, k) => (v - [(left + right) / 2, (top + bottom) / 2][k]) * sizes[k] * view.zoom + center[k] + view.shift[k],
    );
  const share = (axis, v) => (v - axis.low) / (axis.high - axis.low || 1);
  const depth = (v) => (z.front === z.high ? 1 - share(z, v) : share(z, v));
  const clamp = (v) => Math.max(0, Math.min(1, v));

  const svg = s("svg", {
    viewBox: `0 0 ${w} ${height}`,
    role: "img",
    "aria-label": `${scene.title}: ${scene.curves.length} curves`,
  });
  const area = (points, props) => s("path", { d: `${path(points)}Z`, ...props });
  const line = (points, props) => s("path", { d: path(points), fill: "none", ...props });
  const text = ([px, py], value, props) => s("text", { x: px, y: py, "font-size": 11, fill: c.muted, ...props }, value);
  svg.append(
    area([project(0, 0, 0), project(1, 0, 0), project(1, 0, 1), project(0, 0, 1)], {
      fill: c.soft,
      "fill-opacity": 0.55,
      stroke: c.edge,
    }),
  );

  // The walls are behind everything: the back one, and the side that looks away.
  const side = view.turn > 0 ? 1 : 0;
  const rise = ticks(y.low, y.high, 4);
  for (const t of rise)
    svg.append(
      line(
        [
          project(1 - side, share(y, t.value), 1),
          project(side, share(y, t.value), 1),
          project(side, share(y, t.value), 0),
        ],
        { stroke: c.line },
      ),
    );
  for (const a of [0, 1]) svg.append(line([project(a, 0, 1), project(a, 1, 1)], { stroke: c.line }));
  const across = ticks(x.low, x.high, Math.max(2, Math.floor(room[0] / 110)), { whole: x.whole });
  for (const t of across)
    svg.append(line([project(share(x, t.value), 0, 0), project(share(x, t.value), 0, 1)], { stroke: c.line }));
  const into = labels ?? ticks(z.low, z.high, 5, { whole: z.whole });
  for (const t of into)
    svg.append(line([project(0, 0, depth(t.value)), project(1, 0, depth(t.value))], { stroke: c.line }));

  const places = scene.curves.map((curve) =>
    curve.x.map((v, i) =>
      curve.y[i] === null ? null : project(share(x, v), clamp(share(y, curve.y[i])), depth(curve.z)),
    ),
  );
  const order = scene.curves.map((curve, i) => i).sort((a, b) => depth(scene.curves[b].z) - depth(scene.curves[a].z));
  for (const i of order) {
    const curve = scene.curves[i],
      points = places[i].filter(Boolean);
    if (points.length === 0) continue;
    const ground = [
      project(share(x, curve.x[0]), 0, depth(curve.z)),
      project(share(x, curve.x.at(-1)), 0, depth(curve.z)),
    ];
    const d = { d: `${path([ground[0], ...points, ground[1]])}Z` };
    // A ridge hides some of what is behind it, but not so much that this is lost.
    svg.append(
      s("path", { ...d, fill: c.card, "fill-opacity": curve.fill ? 0.15 : 0.5 }),
      s("path", { ...d, fill: curve.color, "fill-opacity": i === chosen ? 0.4 : (curve.fill ?? 0.08) }),
      line(points, {
        stroke: curve.color,
        "stroke-width": i === chosen ? 3.4 : curve.width,
        "stroke-dasharray": curve.dash?.join(" ") || null,
        "stroke-linejoin": "round",
        "data-curve": i,
      }),
    );
  }

  // The vertical axis is at the leftmost edge, and that of the depth at the right side of the floor.
  const upright = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ].reduce((a, b) => (project(...[b[0], 0, b[1]])[0] < project(a[0], 0, a[1])[0] ? b : a));
  svg.append(line([project(upright[0], 0, upright[1]), project(upright[0], 1, upright[1])], { stroke: c.muted }));
  for (const t of rise) {
    const [px, py] = project(upright[0], share(y, t.value), upright[1]);
    svg.append(
      s("line", { x1: px - 4, x2: px, y1: py, y2: py, stroke: c.muted }),
      text([px - 8, py + 4], t.text, { "text-anchor": "end" }),
    );
  }
  const middle = project(upright[0], 0.5, upright[1]);
  svg.append(
    s(
      "text",
      {
        transform: `translate(${Math.max(12, middle[0] - 52)} ${middle[1]}) rotate(-90)`,
        "font-size": 11,
        fill: c.muted,
        "text-anchor": "middle",
      },
      y.title,
    ),
  );
  for (const t of across) {
    const [px, py] = project(share(x, t.value), 0, 0);
    svg.append(text([px, py + 17], t.text, { "text-anchor": "middle" }));
  }
  const front = project(0.5, 0, 0);
  svg.append(text([front[0], front[1] + 36], x.title, { "text-anchor": "middle" }));
  const near = view.turn > 0 ? 0 : 1,
    anchor = near ? "start" : "end",
    away = near ? 8 : -8;
  for (const t of into) {
    const [px, py] = project(near, 0, depth(t.value));
    svg.append(text([px + away, py + 5], t.text, { "text-anchor": anchor }));
  }
  const [px, py] = project(near, 0, 0.5);
  if (!labels) svg.append(text([px + away * 5.4, py + 14], z.title, { "text-anchor": anchor }));
  return { svg, places };
}
