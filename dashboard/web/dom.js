// Elements from names, properties and children.

const svgSpace = "http://www.w3.org/2000/svg";

function make(el, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else if (key === "class") el.setAttribute("class", value);
    else if (value === true) el.setAttribute(key, "");
    else if (key === "value") el.value = value;
    else el.setAttribute(key, value);
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

export const h = (name, props, ...children) => make(document.createElement(name), props, children);
export const s = (name, props, ...children) => make(document.createElementNS(svgSpace, name), props, children);

/** setText changes an element's text only if it differs, so that screen readers do not repeat it. */
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** headings is the head of a table. */
export const headings = (titles) => h("thead", null, h("tr", null, titles.map((t) => h("th", { scope: "col" }, t))));

/** region is a part of the page that scrolls sideways where it is too wide, also by keys. */
export function region(label, ...children) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, children);
}
