// Copy buttons are hidden until there is a script that can copy.
import { say } from "./toasts.js";

export function copying(page) {
  for (const button of page.querySelectorAll("[data-copy]")) button.hidden = false;
  page.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
      say("Copied");
    } catch {
      // Without permission, or without TLS: select it, so that Ctrl-C works.
      field.focus();
      field.select();
      say("Selected. Press Ctrl-C to copy");
    }
  });
}
