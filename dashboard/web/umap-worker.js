// UMAP in a worker, so that the page stays responsive. It starts with the two strongest
// components, which change little from epoch to epoch, so that images can be followed. The
// same seed gives the same map.
/* global UMAP, importScripts */
if (!self.UMAP) importScripts("lib/umap-js.min.js"); // a saved page has both in one file

self.onmessage = ({ data: { rows, neighbors, key } }) => {
  let state = 1;
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  try {
    const map = new UMAP.UMAP({
      nComponents: 2,
      nNeighbors: Math.min(neighbors, rows.length - 1),
      minDist: 0.1,
      random,
    });
    const steps = map.initializeFit(rows), points = map.getEmbedding();
    const largest = Math.max(...rows.map((r) => Math.max(Math.abs(r[0]), Math.abs(r[1])))) || 1;
    rows.forEach((r, i) => {
      points[i][0] = (10 * r[0]) / largest;
      points[i][1] = (10 * r[1]) / largest;
    });
    for (let i = 0; i < steps; i++) map.step();
    self.postMessage({ key, points: map.getEmbedding() });
  } catch (error) {
    self.postMessage({ key, error: String(error.message ?? error) });
  }
};
