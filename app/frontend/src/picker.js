// The pictures that a block may show: the newest come with the page, others are looked for in the library, older ones
// follow. Everything stands in a [data-picker], whose words tell what was found.
const PAUSE_MS = 300;

const many = (count) => (count === 1 ? "1 picture" : `${count} pictures`);

/** Make every search for pictures in this part of the page work. */
export function pickers(part) {
  for (const box of part.querySelectorAll("[data-picker]")) start(box);
}

function start(box) {
  const [field] = box.getElementsByTagName("input");
  const found = box.querySelector(".pickers");
  const more = box.querySelector("[data-more]");
  const told = box.querySelector("[role=status]");
  let timer = 0;
  let asked = null; // only the last question counts
  let sought = "";
  let next = more.dataset.more;
  field.closest("[hidden]").hidden = false;
  more.hidden = !next;

  async function ask(words, page) {
    clearTimeout(timer);
    asked?.abort();
    asked = new AbortController();
    const query = new URLSearchParams([["q", words], ["page", page]].filter(([, value]) => value));
    try {
      const answer = await fetch(`${box.dataset.picker}?${query}`, { headers: { Accept: "application/json" }, signal: asked.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.json(), words, Boolean(page));
    } catch (fault) {
      if (fault.name !== "AbortError") told.textContent = "Pictures could not be looked for. Try again.";
    }
  }

  function show(answer, words, isMore) {
    const buttons = answer.pictures.map((one) => button(box.dataset.into, one));
    const wasInside = found.contains(document.activeElement);
    if (isMore) found.append(...buttons);
    else found.replaceChildren(...buttons);
    sought = words;
    next = answer.next ?? "";
    more.hidden = !next;
    told.textContent = said(found.childElementCount, words, Boolean(next));
    if (isMore || wasInside) (buttons[0] ?? field).focus(); // the keyboard goes on where something has changed
  }

  const look = () => ask(field.value.trim(), "");
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(), look();
    if (event.key === "ArrowDown" && found.firstElementChild) event.preventDefault(), found.firstElementChild.focus();
  });
  more.addEventListener("click", () => ask(sought, next));
}

function said(count, words, areMore) {
  const which = words ? ` with “${words}” in the name or alt text` : "";
  if (!count) return words ? `No picture${which}. Write less of it, or bring one from this machine.` : "No picture yet. Bring one from this machine.";
  return areMore ? `The newest ${many(count)}${which}. There are more.` : `${many(count)}${which}.`;
}

function button(into, { url, name, alt }) {
  const made = Object.assign(document.createElement("button"), { className: "btn", name: "use", value: `${into} ${url}` });
  made.dataset.whole = "";
  made.setAttribute("aria-label", alt ? `Use ${name}: ${alt}` : `Use ${name}`);
  made.append(Object.assign(document.createElement("img"), { src: url, alt: "", loading: "lazy" }));
  return made;
}
