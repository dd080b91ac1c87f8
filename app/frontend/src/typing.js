// A form whose inputs the server draws anew when a list is chosen from: what somebody types meanwhile is kept.
// Looked at are the inputs inside of [data-redrawn]; a button that adds or removes some is not meant, it moves them.
export function typing(page) {
  const box = page.querySelector("[data-redrawn]");
  const form = box?.closest("form");
  if (!form) return;
  const values = () => new Map([...form.querySelectorAll(`#${box.id} input[id]`)].map((one) => [one.id, one.value]));
  let sent = null;
  let typed = [];
  form.addEventListener("htmx:beforeRequest", ({ target }) => {
    if (target !== form) sent = target.matches("select") ? values() : null;
  });
  form.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.target.id !== box.id) return;
    typed = sent ? [...values()].filter(([id, value]) => sent.get(id) !== value) : [];
  });
  form.addEventListener("htmx:afterSwap", () => {
    for (const [id, value] of typed.splice(0)) {
      const input = page.getElementById(id);
      if (!input) continue;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
}
