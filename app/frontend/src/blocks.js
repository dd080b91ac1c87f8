// The editor of a letter of blocks. Without this script each act is a post and a reload; with it the same posts are sent
// one after the other, and only the parts of the answer that changed take the place of those on the page. A snippet's page
// is a form as any other, with the same rich text.
import { lone } from "./lone.js";
import { pickers } from "./picker.js";
import { rich } from "./rich.js";
import { frame, looks, notice, tell } from "./stage.js";

const PAUSE_MS = 700;
const AGAIN_MS = 5_000;
const PATIENCE_MS = 2_000;
const WHOLE = ["blocks", "block", "tools", "saved", "inbox", "weight"];
const FEW = ["saved", "facts", "inbox", "weight"];

const at = (id) => document.getElementById(id);

function start(page) {
  const state = { queue: Promise.resolve(), waiting: 0, timer: 0, dirty: false, stopped: false, insert: new Map(), into: null, y: 0 };
  const canWrite = Boolean(at("tools"));

  function send(url, body, { parts = WHOLE, focus = "" } = {}) {
    if (state.stopped) return;
    if (parts === WHOLE) at("block").inert = true;
    inTurn(() => ask(url, body, parts, focus));
  }

  function inTurn(act) {
    state.waiting += 1;
    state.queue = state.queue.then(() => tried(act)).finally(() => (state.waiting -= 1));
  }

  async function tried(act) {
    try {
      await act();
    } catch {
      tell("Not saved: no connection. Trying again…", true);
      state.dirty = true;
      soon(AGAIN_MS);
    }
    at("block").inert = false;
  }

  function post(url, body, headers = {}) {
    body.set("revision", page.dataset.revision);
    tell("Saving…");
    return fetch(url, { method: "POST", body, headers });
  }

  async function ask(url, body, parts, focus) {
    const answer = await (body ? post(url, body) : fetch(url));
    if (answer.ok) took(await read(answer), parts, focus);
    else await refused(answer, body);
  }

  // What was typed is seen in the mail before the page is asked what it says of it, which takes as long again.
  async function write(form) {
    const body = new FormData(form);
    const answer = await post(form.action, body, { Accept: "application/json" });
    if (!answer.ok) return refused(answer, body);
    const kept = await answer.json();
    const changed = String(kept.revision) !== page.dataset.revision;
    page.dataset.revision = kept.revision;
    if (changed) await seen();
    if (state.waiting > 1) return undefined; // whatever is next brings the page
    const told = await fetch(kept.page);
    if (!told.ok) return refused(told, null);
    const said = await read(told);
    // Where it says more already, somebody else has written: the next save is told so.
    if (said.getElementById("letter")?.dataset.revision === page.dataset.revision) took(said, FEW, "");
    return undefined;
  }

  function seen() {
    frame();
    if (state.waiting > 1) return undefined;
    return new Promise((done) => {
      at("preview").addEventListener("load", done, { once: true });
      setTimeout(done, PATIENCE_MS);
    });
  }

  const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

  function took(answer, parts, focus) {
    const told = answer.getElementById("letter");
    if (!told) return location.reload(); // the session has ended, or the letter became code
    const changed = told.dataset.revision !== page.dataset.revision;
    page.dataset.revision = told.dataset.revision;
    const kept = document.activeElement?.id;
    const own = at("fill").dataset.words?.split(" ") ?? [];
    for (const id of parts === WHOLE ? WHOLE : [...FEW, ...own]) at(id)?.replaceWith(answer.getElementById(id) ?? "");
    if (parts !== WHOLE) for (const id of ["undo", "redo"]) at(id).disabled = answer.getElementById(id).disabled;
    else ready(focus, kept);
    if (changed) frame();
    else show();
    return undefined;
  }

  async function refused(answer, sent) {
    // Somebody else's words are never written over, and a session that has ended saves nothing.
    const isOver = [401, 403, 404, 409].includes(answer.status);
    state.stopped = isOver;
    state.dirty = Boolean(sent);
    tell("Not saved", true);
    const isPage = answer.headers.get("Content-Type")?.startsWith("text/html");
    const told = isPage ? (await read(answer)).querySelector("main p")?.textContent : (await answer.json()).detail;
    notice(isOver ? "Not saved: somebody else has saved this letter since, or you are signed out. Copy what you wrote last, then load the page again." : told || "Not saved. Try again.");
  }

  function ready(focus, kept) {
    for (const one of at("block").querySelectorAll("[data-into]")) one.hidden = false;
    pickers(at("block"));
    state.insert.clear();
    for (const field of at("block").querySelectorAll("[data-rich]")) state.insert.set(field.id, rich(field));
    if (focus === "form") at("fill")?.querySelector("input:not([type=hidden]), .ProseMirror, textarea:not([hidden]), select")?.focus();
    else if (kept) (at(kept) ?? page.querySelector(".blocks [aria-current]"))?.focus();
  }

  function soon(wait = PAUSE_MS) {
    clearTimeout(state.timer);
    state.timer = setTimeout(flush, wait);
  }

  // What was typed is on its way before anything else is done.
  function flush() {
    clearTimeout(state.timer);
    if (!state.dirty || !canWrite || state.stopped) return;
    state.dirty = false;
    const form = at("fill");
    inTurn(() => write(form));
  }

  function choose(id, focus = "") {
    const link = at(`go-${id}`);
    if (!link) return;
    flush();
    history.replaceState(null, "", link.href);
    send(link.href, null, { focus });
  }

  page.addEventListener("input", ({ target }) => {
    if (target.form?.id !== "fill") return;
    state.dirty = true;
    soon();
  });
  page.addEventListener("change", ({ target }) => {
    if (target.form?.id === "fill") (state.dirty = true), flush();
  });
  page.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest("#blocks, #block, #tools")) return;
    event.preventDefault();
    const button = event.submitter;
    if (button?.getAttribute("aria-disabled")) return;
    const body = new FormData(form, button);
    if (form.id === "fill") clearTimeout(state.timer), (state.dirty = false);
    else flush();
    if (form.matches("[popover]")) form.hidePopover();
    const isNew = (form.id === "add" && !button?.hasAttribute("formaction")) || button?.value === "copy";
    const plain = form.id === "fill" && !button?.hasAttribute("data-whole");
    send(button?.getAttribute("formaction") ?? form.action, body, { parts: plain ? FEW : WHOLE, focus: isNew ? "form" : "" });
  });
  page.addEventListener("click", (event) => {
    const link = event.target.closest("[data-block], [data-choose]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      choose(link.dataset.block ?? link.dataset.choose, link.dataset.choose ? "form" : "");
    }
    const into = event.target.closest("[data-into]");
    if (into) state.into = into.dataset.into;
    const tag = event.target.closest("[data-tag]");
    if (tag) insert(tag.dataset.words);
  });

  function insert(words) {
    at("tags").hidePopover();
    const field = at(state.into);
    if (state.insert.has(state.into)) return state.insert.get(state.into)(words);
    field.setRangeText(words, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return undefined;
  }

  page.addEventListener("keydown", (event) => {
    const row = event.target.closest?.(".blocks li[data-id]");
    if (row && event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      at(`${event.key === "ArrowUp" ? "up" : "dn"}-${row.dataset.id}`).click();
    }
    const isUndo = (event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "z" && !event.altKey;
    if (isUndo && !event.target.matches("input, textarea, select, [contenteditable]")) {
      event.preventDefault();
      at(event.shiftKey ? "redo" : "undo")?.click();
    }
  });
  drag(page, (row, to) => {
    flush();
    const form = row.querySelector("form");
    const body = new FormData(form);
    body.set("act", `to-${to}`);
    send(form.action, body);
  });

  const shown = at("preview");
  const show = () => shown.contentWindow?.postMessage({ nod: "show", block: page.querySelector(".blocks .on")?.dataset.id ?? "", y: state.y }, "*");
  shown.addEventListener("load", show);
  addEventListener("message", (event) => {
    if (event.source !== shown.contentWindow) return;
    const { nod, block, y } = event.data ?? {};
    if (nod === "at") state.y = Number(y) || 0;
    if (nod === "chosen" && typeof block === "string") choose(block, "form");
  });
  addEventListener("beforeunload", (event) => {
    if (state.dirty || state.waiting) flush(), event.preventDefault();
  });
  looks(() => {});
  ready("", "");
}

// Rows are dragged to another place; who works without a mouse has buttons and Alt with the arrows.
function drag(page, drop) {
  let held = null;
  const over = ({ target }) => (held ? target.closest?.(".blocks li[data-id]") : null);
  // Where it would go: before the row, or behind it from the lower half of the last one.
  const isBehind = (row, { clientY }) => {
    const { top, height } = row.getBoundingClientRect();
    return !row.nextElementSibling && clientY > top + height / 2;
  };
  const clear = () => page.querySelectorAll(".over").forEach((one) => one.classList.remove("over", "behind"));
  page.addEventListener("dragstart", (event) => {
    held = event.target.closest?.(".blocks li[data-id]");
    event.dataTransfer?.setData("text/plain", held?.dataset.id ?? "");
  });
  page.addEventListener("dragover", (event) => {
    const row = over(event);
    clear();
    if (!row) return;
    event.preventDefault();
    row.classList.add("over");
    row.classList.toggle("behind", isBehind(row, event));
  });
  page.addEventListener("drop", (event) => {
    const row = over(event);
    if (!row) return;
    event.preventDefault();
    const rows = [...page.querySelectorAll(".blocks li[data-id]")];
    const [from, place] = [rows.indexOf(held), rows.indexOf(row) + isBehind(row, event)];
    const to = from < place ? place - 1 : place;
    if (from !== to) drop(held, to);
  });
  page.addEventListener("dragend", () => (clear(), (held = null)));
}

const page = at("letter");
if (page) start(page);
else lone(document);
