// Rows of a list that are chosen: the box in the head chooses all of them, the bar and a screen reader are told how many,
// space chooses the row whose link has the focus, and T goes to the bar. Without this each box does what it says.
const box = "tbody input[type=checkbox]";

function count(form) {
  const rows = [...form.querySelectorAll(box)];
  const chosen = rows.filter((one) => one.checked).length;
  const whole = form.querySelector("thead input[type=checkbox]");
  const all = form.querySelector("[name=all]");
  whole.checked = chosen > 0 && chosen === rows.length;
  whole.indeterminate = chosen > 0 && !whole.checked;
  // Whoever takes one out does not mean everybody.
  if (all && !whole.checked) all.checked = false;
  const said = all?.checked ? "All found are selected" : `${chosen} selected`;
  form.querySelector("[data-count]").textContent = said;
  form.querySelector("[data-said]").textContent = said;
}

export function selecting(page) {
  const found = () => page.querySelector("[data-selecting]");
  page.addEventListener("change", ({ target }) => {
    const form = target.closest("[data-selecting]");
    if (!form || target.type !== "checkbox") return;
    if (target.closest("thead")) for (const one of form.querySelectorAll(box)) one.checked = target.checked;
    count(form);
  });
  page.addEventListener("keydown", (event) => {
    const form = found();
    if (!form || event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.key === " " && event.target.matches(".rowlink")) {
      event.target.closest("tr").querySelector("input[type=checkbox]")?.click();
      event.preventDefault();
    }
    if (event.key.toLowerCase() === "t" && !event.target.matches("input:not([type=checkbox]), select, textarea")) {
      if (page.querySelector("dialog[open]") || !form.querySelector(`${box}:checked`)) return;
      form.querySelector("#tag").focus();
      event.preventDefault();
    }
  });
  // A browser that goes back brings the boxes as they were left.
  addEventListener("pageshow", () => {
    const form = found();
    if (form?.querySelector(`${box}:checked`)) count(form);
  });
}
