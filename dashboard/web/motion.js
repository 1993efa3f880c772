// The map in motion: from one layout to the next, and through all epochs.

const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * motion moves through [0, 1]: step(share) draws a frame. Only the last motion that was started runs. frame
 * asks for the next frame, as requestAnimationFrame does.
 */
export function motion(frame = requestAnimationFrame) {
  let last = 0;
  return {
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
  };
}
