// Marks of classes in a map.

import { s } from "./dom.js";

const shapes = ["circle", "square", "triangle"]; // classes beyond seven get another shape

/** shapeOf names the shape of a class. */
export const shapeOf = (label) => shapes[label < 0 ? 0 : Math.floor(label / 7) % 3];

/** mark returns the mark of a class: its shape with radius r. */
export function mark(label, x, y, r, props) {
  const kind = shapeOf(label);
  if (kind === "square") return s("rect", { x: x - r, y: y - r, width: 2 * r, height: 2 * r, ...props });
  if (kind === "triangle")
    return s("path", { d: `M${x} ${y - 1.3 * r}L${x + 1.2 * r} ${y + r}L${x - 1.2 * r} ${y + r}Z`, ...props });
  return s("circle", { cx: x, cy: y, r, ...props });
}
