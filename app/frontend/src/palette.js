// The palette: a list box that filters as one types; arrows choose, Enter goes. The list itself is in the page.

export function palette(page) {
  const dialog = page.getElementById("palette");
  const field = page.getElementById("palette-query");
  if (!dialog || !field) return;
  const options = [...dialog.querySelectorAll("[role=option]")];
  const shown = () => options.filter((option) => !option.hidden);

  const choose = (option) => {
    for (const one of options) one.setAttribute("aria-selected", String(one === option));
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };

  const filter = () => {
    const words = field.value.trim().toLowerCase();
    for (const option of options) {
      const { query, word } = option.dataset;
      if (query) {
        option.hidden = !words;
        option.href = query + encodeURIComponent(field.value.trim());
        option.querySelector("span").textContent = `Search people for “${field.value.trim()}”`;
      } else option.hidden = Boolean(words) && !word.toLowerCase().includes(words);
    }
    choose(shown()[0]);
  };

  const step = (by) => {
    const list = shown();
    const here = list.findIndex((option) => option.getAttribute("aria-selected") === "true");
    choose(list[(here + by + list.length) % list.length]);
  };

  field.addEventListener("input", filter);
  field.addEventListener("keydown", (event) => {
    const acts = {
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      Home: () => choose(shown()[0]),
      End: () => choose(shown().at(-1)),
      Enter: () => shown().find((option) => option.getAttribute("aria-selected") === "true")?.click(),
    };
    if (!acts[event.key] || event.isComposing) return;
    event.preventDefault();
    acts[event.key]();
  });
  dialog.addEventListener("close", () => {
    field.value = "";
    filter();
  });
  filter();
}
