// Paper is light, whatever the theme of the page is.

import { applyTheme } from "./palette.js";

let was = null;

window.addEventListener("beforeprint", () => {
  was = document.documentElement.dataset.theme ?? "";
  applyTheme("light");
  window.dispatchEvent(new Event("themechange"));
});
window.addEventListener("afterprint", () => {
  if (was === null) return;
  applyTheme(was);
  was = null;
  window.dispatchEvent(new Event("themechange"));
});
