// A campaign that is leaving: the server sends the figures anew whenever they change.
// The connection ends after some seconds and is opened again by the browser; without it the page is reloaded by hand.
export function progress(page) {
  const box = page.querySelector("[data-progress]");
  if (!box) return;
  const source = new EventSource(box.dataset.progress);
  source.addEventListener("message", ({ data }) => {
    const said = JSON.parse(data);
    if (said.over || said.state !== box.dataset.state) {
      source.close();
      location.reload();
      return;
    }
    // Whoever is on one of the links stays there.
    if (!box.contains(page.activeElement)) box.innerHTML = said.html;
  });
  addEventListener("pagehide", () => source.close());
}
