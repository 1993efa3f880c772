// The data of a saved page, which has no server: contralens report puts it into the page.
// It answers what the server would answer, from fewer points.

import { nearestTo } from "./layout.js";

const element = document.getElementById("saved");

/** saved is whether the page was saved to a file. */
export const saved = Boolean(element);

let data = null;

async function unpack() {
  const packed = Uint8Array.from(atob(element.textContent.trim()), (c) => c.charCodeAt(0));
  data = JSON.parse(
    await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text(),
  );
  element.remove(); // frees the text
  return data;
}

const ready = saved ? unpack() : null;

/** answer answers a request of api.js. */
export async function answer(path, { run, names, from, to, points, kind, rows, epoch, method, image, k }) {
  await ready;
  if (path === "runs") return data.overview;
  if (!data.runs[run]) throw new Error(`this page has no run ${run}`);
  switch (path) {
    case "run":
      return structuredClone(data.runs[run]);
    case "curves": {
      const all = data.curves[run],
        { first, last } = data.runs[run];
      return {
        first,
        last,
        curves: Object.fromEntries(
          names
            .split(",")
            .filter((n) => all[n])
            .map((n) => [n, part(all[n], from, to, points)]),
        ),
      };
    }
    case "histogram": {
      const heat = data.histograms[run][kind];
      if (!heat) throw new Error(`there is no histogram ${kind}`);
      return { edges: heat.edges, rows: fewer(heat.rows, rows) };
    }
    case "embedding":
      return data.embeddings[run];
    case "layout": {
      const one = data.embeddings[run].layouts[method]?.[epoch];
      if (!one)
        throw new Error(
          method === "umap"
            ? "This page has no UMAP, because computing it would have taken long: look at it with contralens serve, then save the page again."
            : `This page has no layout after epoch ${epoch}.`,
        );
      return one;
    }
    case "nearest": {
      const rows = data.embeddings[run].components[epoch];
      return { near: nearestTo(rows, image, k), components: rows[0].length };
    }
    default:
      throw new Error("a saved page does not have this");
  }
}

/** part returns a curve between two steps, in at most n points. */
function part(curve, from, to, n) {
  const inside = curve.step.map((_, i) => i).filter((i) => curve.step[i] >= from && curve.step[i] <= to);
  const out = { step: [], n: [], mean: [], min: [], max: [] },
    every = Math.ceil(inside.length / n);
  for (let k = 0; k < inside.length; k += every) {
    const bins = inside.slice(k, k + every),
      total = bins.reduce((sum, i) => sum + curve.n[i], 0);
    out.step.push(curve.step[bins[0]]);
    out.n.push(total);
    out.mean.push(bins.reduce((sum, i) => sum + curve.n[i] * curve.mean[i], 0) / total);
    out.min.push(Math.min(...bins.map((i) => curve.min[i])));
    out.max.push(Math.max(...bins.map((i) => curve.max[i])));
  }
  return out;
}

/** fewer sums histograms to at most n rows. */
function fewer(rows, n) {
  const every = Math.ceil(rows.length / n),
    out = [];
  for (let k = 0; k < rows.length; k += every) {
    const some = rows.slice(k, k + every);
    out.push({
      step: some[0].step,
      n: some.reduce((sum, r) => sum + r.n, 0),
      counts: some[0].counts.map((_, j) => some.reduce((sum, r) => sum + r.counts[j], 0)),
    });
  }
  return out;
}

/** pictures is the sheet of the thumbnails of a run. */
export const pictures = (run) => data.thumbnails[run];
