// Colors that color-blind people can distinguish: those of Okabe and Ito for runs and
// classes (lighter on dark backgrounds), cividis for heat maps. Green and purple are those
// of positives and negatives, and the last that runs get, so that a color means one thing.

const light = ["#0072b2", "#d55e00", "#4d4d4d", "#b37700", "#3b8fc4", "#009e73", "#b0528a"];
const dark = ["#56b4e9", "#e69f00", "#c8d0d8", "#f0e442", "#ff8a4c", "#2fc79a", "#e39bc4"];
const cividis = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [254, 232, 56],
];

const isDark = () => {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

export const color = (i) => (isDark() ? dark : light)[i % 7];
/** kindColor is the color of positives ("pos", "raw_pos") or negatives where only one run is shown. */
export const kindColor = (kind) => color(kind.endsWith("pos") ? 5 : 6);
export const dashes = (i) => [[], [8, 4], [2, 3]][Math.floor(i / 7) % 3];

/** ink returns the colors of axes and text from the style sheet. */
export function ink() {
  const css = getComputedStyle(document.documentElement);
  const get = (name) => css.getPropertyValue(name).trim();
  return {
    text: get("--text"),
    muted: get("--muted"),
    line: get("--line"),
    edge: get("--edge"),
    card: get("--card"),
    accent: get("--accent"),
    soft: get("--soft"),
  };
}

/** heat maps 0 … 1 to [red, green, blue]. */
export function heat(v) {
  const x = Math.max(0, Math.min(1, v)) * (cividis.length - 1);
  const i = Math.min(Math.floor(x), cividis.length - 2);
  return cividis[i].map((c, k) => Math.round(c + (x - i) * (cividis[i + 1][k] - c)));
}

/** age maps 0 (old) … 1 (new) to a color from blue to orange that stands out from the page. */
export function age(v) {
  const [a, b] = isDark()
    ? [
        [66, 118, 158],
        [255, 184, 92],
      ]
    : [
        [122, 178, 216],
        [176, 68, 0],
      ];
  return `rgb(${a.map((c, k) => Math.round(c + v * (b[k] - c)))})`;
}

export const rgba = (hex, alpha) => {
  const n = parseInt(hex.slice(1), 16);
  return `rgba(${n >> 16}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
};

/** applyTheme sets "light", "dark", or "" for the system's preference. */
export function applyTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** inTheme returns what draw draws in a theme, whatever the theme of the page is. */
export function inTheme(theme, draw) {
  const was = document.documentElement.dataset.theme;
  applyTheme(theme);
  try {
    return draw();
  } finally {
    applyTheme(was);
  }
}
