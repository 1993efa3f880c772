// Numbers, steps and times as text for people.

const integers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** number shows about digits significant digits, with a minus sign, not a hyphen. */
export function number(v, digits = 4) {
  if (v === null || v === undefined || !Number.isFinite(v)) return "–";
  if (v === 0) return "0";
  const a = Math.abs(v);
  if (a >= 10 ** 6 || a < 10 ** -4) return minus(v.toExponential(Math.min(2, digits - 1)).replace("e+", "e"));
  if (a >= 10 ** (digits - 1)) return minus(integers.format(v));
  return minus(String(Number(v.toPrecision(digits))));
}

const minus = (text) => text.replaceAll("-", "−");

/** tick shows a value of an axis with as many decimals as the distance of its ticks needs. */
export function tick(v, step) {
  // A distance of 0.25 needs two places, one of 0.2 a single one.
  const places = [0, 1, 2, 3, 4, 5].find((n) => Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-6 && step * 10 ** n > 0.5);
  if (places === undefined || Math.abs(v) >= 1e6) return number(v);
  return minus(v.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places }));
}

/** shortened keeps the start and the end of a long text. */
export const shortened = (text, most = 40) => (text.length <= most ? text : `${text.slice(0, Math.ceil(most / 2) - 1)}…${text.slice(-Math.floor(most / 2))}`);

export const fixed = (v, places) => (v === null || v === undefined || !Number.isFinite(v) ? "–" : v.toFixed(places));
export const count = (v) => integers.format(v);

/** short abbreviates large steps on an axis: 1,200 or 40k or 1.2M. */
export function short(v) {
  const a = Math.abs(v);
  if (a >= 1e6) return +(v / 1e6).toPrecision(4) + "M";
  if (a >= 1e4) return +(v / 1e3).toPrecision(4) + "k";
  return integers.format(v);
}

export function ago(time, now = Date.now()) {
  const t = Date.parse(time);
  if (!(t > 0)) return "";
  const seconds = Math.max(0, Math.round((now - t) / 1000));
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** duration shows seconds in at most two units: 42 s, 7 min, 3 h 12 min, 2 d 4 h. */
export function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
}

/** moment shows a time in the reader's zone: 24 Nov 2026, 22:38. */
export function moment(time) {
  const t = new Date(time);
  if (!(t > 0)) return "";
  const parts = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" };
  return t.toLocaleString("en-GB", parts);
}

export const ftName = (ft) => ({ "": "–", none: "none", pos: "positives", neg: "negatives", posneg: "positives + negatives" })[ft] ?? ft;
