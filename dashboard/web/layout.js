// Layouts of the embedding that are comparable between epochs.

/**
 * aligned rotates, mirrors and scales points to be as close as possible to reference
 * (Procrustes analysis in the plane): both are centered and get the same root mean square
 * distance from the center. Principal components and UMAPs are only defined up to such a
 * motion, so without it an image would jump from epoch to epoch. A least-squares scale would
 * shrink a layout that has little in common with the reference. Lists of different lengths
 * are not aligned.
 */
export function aligned(points, reference) {
  if (!reference || reference.length !== points.length) return points;
  const a = centered(points),
    b = centered(reference);
  // For complex a and b, Σ conj(a) b fits a rotation, and Σ a b a reflection.
  let [re, im, mirrorRe, mirrorIm, norm, target] = [0, 0, 0, 0, 0, 0];
  a.list.forEach(([x, y], i) => {
    const [u, v] = b.list[i];
    re += x * u + y * v;
    im += x * v - y * u;
    mirrorRe += x * u - y * v;
    mirrorIm += x * v + y * u;
    norm += x * x + y * y;
    target += u * u + v * v;
  });
  const mirror = Math.hypot(mirrorRe, mirrorIm) > Math.hypot(re, im),
    length = mirror ? Math.hypot(mirrorRe, mirrorIm) : Math.hypot(re, im);
  if (!(norm > 0) || !(length > 0)) return points;
  const scale = Math.sqrt(target / norm) / length,
    [c, d] = mirror ? [mirrorRe * scale, mirrorIm * scale] : [re * scale, im * scale];
  return a.list.map(([x, y]) => {
    const w = mirror ? -y : y;
    return [c * x - d * w + b.x, d * x + c * w + b.y];
  });
}

function centered(points) {
  const x = points.reduce((sum, p) => sum + p[0], 0) / points.length,
    y = points.reduce((sum, p) => sum + p[1], 0) / points.length;
  return { x, y, list: points.map((p) => [p[0] - x, p[1] - y]) };
}

/**
 * frameOf returns the square around all points except the outermost hundredth, so that a
 * single outlier does not shrink the map.
 */
export function frameOf(points) {
  const side = (k) => {
    const sorted = points.map((p) => p[k]).sort((a, b) => a - b),
      cut = Math.floor(sorted.length / 200);
    return [sorted[cut], sorted[sorted.length - 1 - cut]];
  };
  const [x0, x1] = side(0),
    [y0, y1] = side(1);
  return { x: (x0 + x1) / 2, y: (y0 + y1) / 2, width: x1 - x0 || 1, height: y1 - y0 || 1 };
}

/** nearestTo returns the k images whose features are nearest to those of image i, by the cosine of the components. */
export function nearestTo(rows, i, k) {
  const length = rows.map((r) => Math.hypot(...r) || 1);
  return rows
    .map((r, j) => ({ j, cosine: r.reduce((sum, v, d) => sum + v * rows[i][d], 0) / (length[i] * length[j]) }))
    .filter(({ j }) => j !== i)
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, k);
}
