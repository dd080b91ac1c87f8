// The preview beside a letter: as whom, how wide, light or dark; and the line that says what is saved.

/** Load the preview again, as it is looked at now. */
export function frame() {
  const shown = document.getElementById("preview");
  const choices = new FormData(document.getElementById("looks"));
  const query = new URLSearchParams([...choices].filter(([name, value]) => value && name !== "back"));
  if (shown.dataset.marks) query.set("marks", "1");
  shown.src = `${location.pathname}/preview?${query}`;
}

/** Follow what is chosen above the preview; `chosen` is told whose eyes it is seen with. */
export function looks(chosen) {
  const form = document.getElementById("looks");
  const again = () => {
    chosen(form.elements.namedItem("as").value);
    frame();
  };
  form.addEventListener("change", again);
  form.addEventListener("submit", (event) => (event.preventDefault(), again()));
  search(form, again);
}

function search(form, again) {
  const asked = document.getElementById("search-reader");
  asked?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(asked.action, {
      method: "POST", body: new URLSearchParams(new FormData(asked)), headers: { Accept: "application/json" },
    });
    const { people = [] } = await answer.json();
    const found = document.getElementById("found");
    found.replaceChildren(...people.map((person) => offer(person, form, again)));
    if (!people.length) found.append(Object.assign(document.createElement("li"), {
      className: "muted", textContent: "Nobody’s address begins like that.",
    }));
  });
}

function offer({ key, label, address }, form, again) {
  const item = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: label });
  const small = Object.assign(document.createElement("small"), { className: "muted", textContent: address });
  button.addEventListener("click", () => {
    const choice = form.elements.namedItem("as");
    if (![...choice.options].some(({ value }) => value === key)) choice.prepend(new Option(label, key));
    choice.value = key;
    document.getElementById("found").replaceChildren();
    again();
  });
  item.append(button, small);
  return item;
}

/** Say what is saved, or why it is not. */
export function tell(words, isFault = false) {
  const saved = document.getElementById("saved");
  saved.querySelector("span").textContent = words;
  saved.querySelector("svg")?.toggleAttribute("hidden", isFault);
}

/** A word above the writing that stays until it is mended; empty: nothing is wrong. */
export function notice(words) {
  const place = document.getElementById("notice");
  place.replaceChildren();
  if (!words) return;
  const box = Object.assign(document.createElement("div"), { className: "notice notice-stop" });
  box.append(Object.assign(document.createElement("p"), { textContent: words }));
  place.append(box);
}
