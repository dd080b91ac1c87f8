// After a faulty post the summary takes the focus, so that it is read first.
export function focusing(page) {
  page.querySelector("[data-focus]")?.focus();
}
