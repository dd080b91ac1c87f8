// In the preview of a letter of blocks: a click on a block says which one it was, and the chosen one is outlined. The frame
// has no origin of its own and no other script; all it can do is to say a block's name to the page around it.
(() => {
  const around = window.parent;
  const blocks = new Map();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_COMMENT);
  for (let mark = walk.nextNode(); mark; mark = walk.nextNode()) {
    const id = /^ block (\w+) $/.exec(mark.data)?.[1];
    if (!id) continue;
    const found = [];
    for (let node = mark.nextSibling; node && !(node.nodeType === 8 && /^ block /.test(node.data)); node = node.nextSibling)
      if (node.nodeType === 1) found.push(node);
    blocks.set(id, found);
  }
  const paint = (id, words) => blocks.get(id)?.forEach((one) => (one.style.outline = words, one.style.outlineOffset = "-2px"));
  let chosen = "";
  addEventListener("click", (event) => {
    event.preventDefault();
    for (const [id, found] of blocks)
      if (found.some((one) => one.contains(event.target))) around.postMessage({ nod: "chosen", block: id }, "*");
  });
  addEventListener("scroll", () => around.postMessage({ nod: "at", y: scrollY }, "*"), { passive: true });
  addEventListener("message", ({ source, data }) => {
    if (source !== around || data?.nod !== "show") return;
    paint(chosen, "");
    if (!chosen) scrollTo(0, Number(data.y) || 0);
    chosen = String(data.block);
    paint(chosen, "2px solid #3b82f6");
    const first = blocks.get(chosen)?.[0];
    const box = first?.getBoundingClientRect();
    if (box && (box.bottom < 0 || box.top > innerHeight)) first.scrollIntoView({ block: "center" });
  });
})();
