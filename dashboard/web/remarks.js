// What people say about a run: a note, tags, and whether the overview lists it.

import { mayWrite, saveNotes } from "./api.js";
import { h, setText } from "./dom.js";

/** remarks shows the note and the tags of a run, to be edited where the server allows it. */
export function remarks(id) {
  let now = { text: "", tags: [], hidden: false };
  const text = h("p", { class: "remark full", hidden: true });
  const tags = h("span", { class: "tags", hidden: true });
  const edit = h("button", { type: "button", class: "quiet edit", hidden: true, onclick: () => open() }, "Add a note");
  const note = h("textarea", { rows: 3, "aria-label": "Note", placeholder: "What is special about this run" });
  const separated = "Tags, separated by commas";
  const words = h("input", { type: "text", "aria-label": separated, placeholder: separated });
  const away = h("input", { type: "checkbox", name: "hidden" });
  const trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  const form = h("div", { class: "editor", role: "group", "aria-label": "Note and tags", hidden: true }, note, words,
    h("div", { class: "row" }, h("label", { class: "check" }, away, "Archived: not in the overview"),
      h("button", { type: "button", class: "primary", onclick: () => save() }, "Save"),
      h("button", { type: "button", onclick: () => close() }, "Cancel")), trouble);
  form.addEventListener("keydown", (e) => {
    if (e.key === "Escape") close();
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey || e.target === words)) save();
  });
  const el = h("div", { class: "remarks" }, text, tags, edit, form);
  mayWrite().then((yes) => {
    edit.hidden = !yes;
  }, () => {});

  function open() {
    note.value = now.text ?? "";
    words.value = now.tags.join(", ");
    away.checked = Boolean(now.hidden);
    form.hidden = false;
    edit.hidden = trouble.hidden = true;
    note.focus();
  }

  function close() {
    form.hidden = true;
    edit.hidden = false;
    edit.focus();
  }

  async function save() {
    const list = words.value.split(",").map((t) => t.trim()).filter(Boolean);
    const next = { text: note.value, tags: list, hidden: away.checked };
    try {
      await saveNotes(id, next);
    } catch (error) {
      trouble.hidden = false;
      setText(trouble, error.message);
      return;
    }
    set(next);
    close();
  }

  /** set shows the remarks that the server has. */
  function set(next) {
    now = next;
    text.hidden = !now.text;
    setText(text, now.text ?? "");
    tags.hidden = now.tags.length === 0 && !now.hidden;
    const shown = now.hidden ? ["archived", ...now.tags] : now.tags;
    tags.replaceChildren(...shown.map((t) => h("span", { class: "tag" }, t)));
    setText(edit, now.text || now.tags.length ? "Edit" : "Add a note");
  }

  return { el, set };
}
