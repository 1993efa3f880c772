// The map in motion: from one layout to the next, and through all epochs.

import { between, betweenFrames } from "./layout.js";

const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * motion moves through [0, 1]: step(share) draws a frame. Only the last motion that was started runs. frame
 * asks for the next frame, as requestAnimationFrame does.
 */
export function motion(frame = requestAnimationFrame) {
  let last = 0;
  const self = {
    stop() {
      last++;
    },
    /** go resolves to whether the motion came to its end. */
    go(duration, step) {
      const ticket = ++last;
      if (still()) {
        step(1);
        return new Promise((resolve) => setTimeout(() => resolve(ticket === last), duration));
      }
      return new Promise((resolve) => {
        let begin = null;
        const next = (now) => {
          if (ticket !== last) {
            resolve(false);
            return;
          }
          begin ??= now;
          const share = Math.min(1, (now - begin) / duration);
          step(share);
          if (share < 1) frame(next);
          else resolve(true);
        };
        frame(next);
      });
    },
    /**
     * travel moves maps, each { map, from, to }: layouts { points, box }. steady is whether the speed stays the
     * same, as on the way through many layouts. tell has each frame: its share of the way and how long it took.
     */
    travel(ways, duration, steady, tell) {
      const all = ways
        .filter(({ from, to }) => from.points.length === to.points.length)
        .map((way) => ({ ...way, out: new Float32Array(way.to.points.length) }));
      const show = (share) => {
        for (const { map, from, to, out } of all)
          map.move(between(from.points, to.points, share, out), betweenFrames(from.box, to.box, share));
      };
      show(0);
      return self.go(duration, (share) => {
        const begin = performance.now();
        show(steady ? share : share * share * (3 - 2 * share));
        tell({ share, ms: performance.now() - begin });
      });
    },
  };
  return self;
}
