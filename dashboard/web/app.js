// The frame of the page: the current view, the theme, and the stream of updates.

import { overviewAddress, runsAddress, whereabouts } from "./address.js";
import { follow, getRuns } from "./api.js";
import { h, setText } from "./dom.js";
import { judgeView } from "./judge.js";
import { overview } from "./overview.js";
import { applyTheme } from "./palette.js";
import "./print.js";
import { runView } from "./runview.js";
import { saved } from "./saved.js";
import { studyView } from "./study.js";

const main = document.getElementById("main");
let news = null; // the last overview
let view = null; // the current view: { el, update(news), close() }

function show() {
  if (location.hash === "#main") return;
  const where = whereabouts();
  link();
  if (view?.goTo?.(where)) return;
  view?.close?.();
  view = where?.judge ? judgeView() : where?.study ? studyView(where.study) : where ? runView(where) : overview();
  main.replaceChildren(view.el);
  if (news) view.update(news);
  window.scrollTo(0, 0);
}

/** link lets the logo lead to the overview as it was last seen. */
const link = () => {
  document.querySelector(".brand").href = overviewAddress();
};
window.addEventListener("addresschange", link);

function take(overview) {
  news = overview;
  setText(document.getElementById("dir"), overview.dir);
  document.getElementById("dir").title = overview.dir;
  view?.update(overview);
}

const words = document.getElementById("words"); // the last ones of a server that has ended

function ended(message) {
  setText(words, message || "The dashboard was stopped.");
  words.hidden = false;
}

function connected(yes) {
  if (yes) words.hidden = true;
  const live = document.getElementById("live");
  live.dataset.on = yes;
  setText(live, yes ? "live" : words.hidden ? "disconnected, retrying" : "ended");
}

const themes = ["", "light", "dark"];
const button = document.getElementById("theme");

function setTheme(theme) {
  applyTheme(theme);
  setText(button, `Theme: ${theme || "system"}`);
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Without storage, the choice lasts until the page is closed.
  }
  window.dispatchEvent(new Event("themechange"));
}

let theme = "";
try {
  theme = themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "";
} catch {
  // as above
}
setTheme(theme);
button.addEventListener("click", () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  setTheme(theme);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("themechange")));

// The token is not needed after the cookie is set, and should not stay in the address bar.
if (new URLSearchParams(location.search).has("token")) history.replaceState(null, "", location.pathname + location.hash);

/** open shows the runs of a saved page, unless its address says otherwise. */
function open(overview) {
  setText(document.getElementById("live"), "saved");
  if (!location.hash) location.replace(runsAddress(overview.runs.map((r) => r.id)));
}

window.addEventListener("hashchange", show);
show();
getRuns().then((overview) => {
  if (saved) open(overview);
  take(overview);
}, (error) => main.replaceChildren(h("p", { class: "empty" }, `The runs could not be read: ${error.message}`)));
follow(take, connected, ended);
