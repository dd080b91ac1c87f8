// Rich text in a form of its own, outside the editor of a letter: its fields, and the menu of what is known of readers.
import { rich } from "./rich.js";

export function lone(page) {
  const menu = page.getElementById("tags");
  const insert = new Map();
  let into = "";
  for (const field of page.querySelectorAll("textarea[data-rich]")) insert.set(field.id, rich(field));
  for (const button of page.querySelectorAll("[data-into]")) {
    button.hidden = false;
    button.addEventListener("click", () => (into = button.dataset.into));
  }
  menu?.addEventListener("click", ({ target }) => {
    const tag = target.closest("[data-tag]");
    if (!tag) return;
    menu.hidePopover();
    insert.get(into)?.(tag.dataset.words);
  });
}
