// Layouts of the embedding: points are a Float32Array with x and y of each image. The server turns each
// layout onto that of the epoch before; here those of several runs are turned onto each other.

/**
 * aligned rotates, mirrors and scales points to be as close as possible to reference
 * (Procrustes analysis in the plane): both are centered and get the same root mean square
 * distance from the center. Principal components and UMAPs are only defined up to such a
 * motion. A least-squares scale would shrink a layout that has little in common with the
 * reference. Lists of different lengths are not aligned.
 */
export function aligned(points, reference) {
  if (!reference || reference.length !== points.length) return points;
  const [ax, ay] = center(points),
    [bx, by] = center(reference);
  // For complex a and b, Σ conj(a) b fits a rotation, and Σ a b a reflection.
  let [re, im, mirrorRe, mirrorIm, norm, target] = [0, 0, 0, 0, 0, 0];
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i] - ax,
      y = points[i + 1] - ay,
      u = reference[i] - bx,
      v = reference[i + 1] - by;
    re += x * u + y * v;
    im += x * v - y * u;
    mirrorRe += x * u - y * v;
    mirrorIm += x * v + y * u;
    norm += x * x + y * y;
    target += u * u + v * v;
  }
  const mirror = Math.hypot(mirrorRe, mirrorIm) > Math.hypot(re, im),
    length = mirror ? Math.hypot(mirrorRe, mirrorIm) : Math.hypot(re, im);
  if (!(norm > 0) || !(length > 0)) return points;
  const scale = Math.sqrt(target / norm) / length,
    [c, d] = mirror ? [mirrorRe * scale, mirrorIm * scale] : [re * scale, im * scale];
  const out = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 2) {
    const x = points[i] - ax,
      y = mirror ? ay - points[i + 1] : points[i + 1] - ay;
    out[i] = c * x - d * y + bx;
    out[i + 1] = d * x + c * y + by;
  }
  return out;
}

function center(points) {
  let x = 0,
    y = 0;
  for (let i = 0; i < points.length; i += 2) {
    x += points[i];
    y += points[i + 1];
  }
  return [(2 * x) / points.length, (2 * y) / points.length];
}

/**
 * frameOf returns the square around all points except the outermost hundredth, so that a
 * single outlier does not shrink the map.
 */
export function frameOf(...lists) {
  const side = (k) => {
    const values = new Float32Array(lists.reduce((sum, points) => sum + points.length / 2, 0));
    let at = 0;
    for (const points of lists) for (let i = k; i < points.length; i += 2) values[at++] = points[i];
    values.sort();
    const cut = Math.floor(values.length / 200);
    return [values[cut], values[values.length - 1 - cut]];
  };
  const [x0, x1] = side(0),
    [y0, y1] = side(1);
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, width: x1 - x0 || 1, height: y1 - y0 || 1 };
}

/** between writes the points at share of the way from a to b into out. */
export function between(a, b, share, out) {
  for (let i = 0; i < out.length; i++) out[i] = a[i] + share * (b[i] - a[i]);
  return out;
}

/** betweenFrames is the frame at share of the way from a to b. */
export const betweenFrames = (a, b, share) =>
  Object.fromEntries(["x", "y", "width", "height"].map((k) => [k, a[k] + share * (b[k] - a[k])]));

/** nearestTo returns the k images nearest to image i, by the cosine of their rows: { image, cosine }. */
export function nearestTo(rows, i, k) {
  const length = rows.map((r) => Math.hypot(...r) || 1);
  return rows
    .map((r, j) => ({ image: j, cosine: r.reduce((sum, v, d) => sum + v * rows[i][d], 0) / (length[i] * length[j]) }))
    .filter(({ image }) => image !== i)
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, k);
}
