// A form whose inputs the server draws anew when a list is chosen from or a button is pressed: what somebody types
// meanwhile is kept, and the keyboard goes on where the change is. Looked at is what stands inside of [data-redrawn];
// parts and buttons are named as in app/segments/drafts.py.
export function redrawn(page) {
  const box = page.querySelector("[data-redrawn]");
  const form = box?.closest("form");
  if (!form) return;
  const values = () => new Map([...form.querySelectorAll(`#${box.id} input[id]`)].map((one) => [one.id, one.value]));
  let sent = null;
  let typed = [];
  let wish = "";
  form.addEventListener("htmx:beforeRequest", ({ target }) => {
    if (target === form) return;
    // A button adds or removes inputs: those that follow have other names afterwards.
    sent = target.matches("select") ? values() : null;
    wish = target.matches("button") ? target.value : "";
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
    changed(page, wish)?.focus();
    wish = "";
  });
}

// What was added, or beside what was removed.
function changed(page, wish) {
  const [verb, place] = wish.split("-");
  if (!place) return null;
  const group = page.getElementById(`at-${verb === "remove" ? place.slice(0, place.lastIndexOf(".")) : place}`);
  const last = (selector) => [...(group?.querySelectorAll(`:scope > ${selector}`) ?? [])].at(-1);
  if (verb === "remove") return last(".row")?.querySelector("button");
  return last(verb === "add" ? ".rule" : ".rules")?.querySelector("select");
}
