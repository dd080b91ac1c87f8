// A form that is on its way says so, and is not sent twice.
const GIVE_UP_MS = 20_000;

export function busy(page) {
  page.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || form.method === "dialog" || form.method === "get") return;
    // What is answered in a frame leaves this page as it is.
    if (submitter?.formTarget) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    submitter?.setAttribute("aria-busy", "true");
    setTimeout(() => free(form), GIVE_UP_MS);
  });
  // Back and forward bring a page as it was left.
  addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of page.querySelectorAll("form[data-sent]")) free(form);
  });
}

function free(form) {
  delete form.dataset.sent;
  for (const button of form.querySelectorAll("[aria-busy]")) button.removeAttribute("aria-busy");
}
