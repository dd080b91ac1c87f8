// A preview that follows what is written: presses the page's own Preview button when somebody pauses.
const PAUSE_MS = 500;

export function preview(page) {
  const form = page.querySelector("form[data-preview]");
  const button = form?.querySelector("[data-preview-button]");
  if (!button) return;
  const state = page.querySelector("[data-preview-state]");
  if (state) state.textContent = "of what you write, not saved yet";
  button.hidden = true;
  // Nothing is kept yet: the frame says what to do instead of standing empty.
  if (!page.querySelector(`iframe[name="${button.formTarget}"]`)?.getAttribute("src")) form.requestSubmit(button);
  let timer;
  const later = (event) => {
    if (event.submitter === button) return;
    clearTimeout(timer);
    timer = setTimeout(() => form.requestSubmit(button), PAUSE_MS);
  };
  form.addEventListener("input", later);
  form.addEventListener("submit", (event) => event.submitter !== button && clearTimeout(timer));
}
