// Messages about what has just been done leave by themselves after eight seconds, but not while one is in them.
const STAY_MS = 8000;

/** Say something that needs no answer. */
export function say(text) {
  const corner = document.getElementById("toasts");
  if (!corner) return;
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  corner.append(toast);
  leave(toast);
}

function leave(toast) {
  setTimeout(() => (toast.matches(":hover, :focus-within") ? leave(toast) : toast.remove()), STAY_MS);
}

export function toasts(page) {
  for (const toast of page.querySelectorAll("#toasts .toast")) leave(toast);
}
