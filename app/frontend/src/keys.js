// Keyboard: Cmd or Ctrl-K finds, / searches, ? helps, G and a letter goes, J and K walk through rows, Esc leaves a field.
import { open } from "./dialogs.js";

const PATIENCE_MS = 1200;

const isTyping = (target) =>
  target instanceof HTMLElement &&
  (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])"));

/** Move the focus to the next or previous row's link. */
function walk(step) {
  const rows = [...document.querySelectorAll("main .table .rowlink")].filter((link) => link.checkVisibility?.() ?? true);
  if (!rows.length) return false;
  const here = rows.indexOf(document.activeElement);
  const next = here < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + step, 0), rows.length - 1);
  rows[next].focus();
  return true;
}

/** Follow the menu's link whose label starts with this letter. */
function go(letter) {
  const link = [...document.querySelectorAll(".nav .nav-link")].find((item) =>
    item.textContent.trim().toLowerCase().startsWith(letter),
  );
  link?.click();
  return Boolean(link);
}

export function keys(page) {
  let waitsSince = -Infinity;
  page.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if ((event.metaKey || event.ctrlKey) && key === "k" && !event.shiftKey && !event.altKey) {
      if (open("palette")) event.preventDefault();
      return;
    }
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape" && !event.target.closest("dialog")) event.target.blur();
      return;
    }
    if (page.querySelector("dialog[open]")) return;
    const goes = event.timeStamp - waitsSince < PATIENCE_MS;
    waitsSince = key === "g" && !goes ? event.timeStamp : -Infinity;
    const done = goes
      ? go(key)
      : key === "/"
        ? (page.querySelector("[data-search]")?.focus(), Boolean(page.querySelector("[data-search]")))
        : key === "?"
          ? open("keys")
          : key === "j"
            ? walk(1)
            : key === "k"
              ? walk(-1)
              : false;
    if (done) event.preventDefault();
  });
}
