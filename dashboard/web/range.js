// The range of values that a chart of curves shows.

/**
 * extent returns the lowest and highest value in view. If there are values after settled, it
 * ignores the earlier ones, which are extreme while a queue fills. Of a line with few points it
 * includes the heights at the edges of the view, which may lie between two points.
 */
export function extent(lines, { range, logY, envelope, settled = 0 }) {
  const within = (from) => {
    let low = null,
      high = null;
    const include = (v) => {
      if (v === null || v === undefined || (logY && v <= 0)) return;
      low = low === null ? v : Math.min(low, v);
      high = high === null ? v : Math.max(high, v);
    };
    for (const l of lines) {
      const [bottom, top] = envelope && l.min.length ? [l.min, l.max] : [l.shown, l.shown];
      l.x.forEach((x, i) => {
        if (x < from || x < range[0] || x > range[1]) return;
        [bottom[i], top[i], l.shown[i]].forEach(include);
      });
      if (l.sparse) range.forEach((x) => include(heightAt(l, x)));
    }
    return [low, high];
  };
  const settledRange = settled > range[0] && settled < (range[0] + range[1]) / 2 ? within(settled) : [null, null];
  return settledRange[0] === null ? within(-Infinity) : settledRange;
}

/** heightAt returns the height of a line at x, between the points around it; null beyond its ends. */
function heightAt({ x: xs, shown }, x) {
  const i = xs.findIndex((v) => v >= x);
  if (i < 1) return null;
  return shown[i - 1] + ((x - xs[i - 1]) / (xs[i] - xs[i - 1])) * (shown[i] - shown[i - 1]);
}

/**
 * ranged adds a margin above and below, also to a flat curve, which smoothing and the float32 of
 * event files leave with rounding errors. A percentage, according to the title of its axis, stays
 * within 0 and 100.
 */
export function ranged(low, high, log, axis = "") {
  if (low === null || high === null) return log ? [0.1, 1] : [0, 1];
  if (log) return [low / 1.2, high * 1.2];
  const size = Math.max(Math.abs(low), Math.abs(high)),
    flat = high - low <= 1e-6 * size;
  const room = flat ? size * 0.05 || 0.5 : (high - low) * 0.06;
  const percent = axis.includes("%") && low >= 0 && high <= 100;
  return percent ? [Math.max(0, low - room), Math.min(100, high + room)] : [low - room, high + room];
}
