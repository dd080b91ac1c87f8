// What is scheduled moves to another day: dragged, or by Alt and an arrow key. The page that comes back shows it there.
const DAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

export function calendar(page) {
  const form = page.getElementById("move");
  if (!form) return;
  let held = null;
  const dayOf = (target) => (held ? target.closest?.(".cal td[data-day]") : null);
  const clear = () => page.querySelectorAll(".cal .over").forEach((one) => one.classList.remove("over"));
  const move = (event, day) => {
    if (day === event.closest("td").dataset.day) return;
    form.action = event.dataset.move;
    form.elements.day.value = day;
    form.requestSubmit();
  };
  page.addEventListener("dragstart", (event) => {
    held = event.target.closest?.(".event[data-move]");
    event.dataTransfer?.setData("text/plain", held?.textContent ?? "");
  });
  page.addEventListener("dragover", (event) => {
    const day = dayOf(event.target);
    clear();
    if (!day) return;
    event.preventDefault();
    day.classList.add("over");
  });
  page.addEventListener("drop", (event) => {
    const day = dayOf(event.target);
    if (!day) return;
    event.preventDefault();
    move(held, day.dataset.day);
  });
  page.addEventListener("dragend", () => (clear(), (held = null)));
  page.addEventListener("keydown", (event) => {
    const chosen = event.target.closest?.(".event[data-move]");
    if (!chosen || !event.altKey || !(event.key in DAYS)) return;
    event.preventDefault();
    const day = new Date(`${chosen.closest("td").dataset.day}T12:00:00Z`);
    day.setUTCDate(day.getUTCDate() + DAYS[event.key]);
    move(chosen, day.toISOString().slice(0, 10));
  });
  if (location.hash.startsWith("#c-")) page.getElementById(location.hash.slice(1))?.focus();
}
