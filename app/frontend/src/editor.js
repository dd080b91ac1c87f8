// The code editor of a letter: highlights, completes, saves by itself, and shows what is wrong on its line.
// Without this script the page has a plain field, a Save button and a reload.
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { html } from "@codemirror/lang-html";
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import {
  drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { components, mergeWords } from "./mjml.js";
import { frame, looks, notice, tell } from "./stage.js";
import { say } from "./toasts.js";

const PAUSE_MS = 600;
const AGAIN_MS = 5_000;

const look = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "var(--surface)", color: "var(--text)", height: "clamp(320px, 46dvh, 900px)" },
  "&.cm-focused": { outline: "2px solid var(--ring)", outlineOffset: "1px" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "20px" },
  ".cm-content": { caretColor: "var(--text)" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--muted)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in oklab, var(--hover) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--accent-soft)" },
  ".cm-tooltip, .cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--hover)", color: "var(--text)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--stop)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--ask)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.tagName, tags.angleBracket], color: "var(--accent-text)" },
  { tag: tags.attributeName, color: "var(--info-text)" },
  { tag: [tags.attributeValue, tags.string], color: "var(--text)" },
  { tag: [tags.comment, tags.processingInstruction], color: "var(--muted)", fontStyle: "italic" },
]);

function start(page) {
  const form = document.getElementById("draft");
  const field = form.elements.namedItem("source");
  const canSave = Boolean(document.getElementById("save"));
  // One function for good: a completion source is known by its identity.
  const merge = mergeWords(JSON.parse(page.dataset.words));
  const state = { sent: snapshot(form), busy: false, timer: 0, stopped: false };

  const view = new EditorView({
    parent: field.parentElement,
    state: EditorState.create({
      doc: field.value,
      extensions: [
        EditorView.cspNonce.of(document.querySelector("script[nonce]")?.nonce ?? ""),
        EditorView.contentAttributes.of({ "aria-label": "MJML of the letter", spellcheck: "false", tabindex: "0" }),
        EditorState.readOnly.of(!canSave),
        lineNumbers(), foldGutter(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(),
        closeBrackets(), highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(),
        autocompletion({ aboveCursor: false }),
        html({ extraTags: components, selfClosingTags: true, matchClosingTags: false }),
        EditorState.languageData.of(() => [{ autocomplete: merge }]),
        syntaxHighlighting(colours), look, EditorView.lineWrapping,
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          field.value = update.state.doc.toString();
          soon();
        }),
        keymap.of([
          { key: "Mod-s", run: () => (save(), true) },
          ...closeBracketsKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap,
          indentWithTab, ...defaultKeymap,
        ]),
      ],
    }),
  });
  field.hidden = true;
  field.parentElement.querySelector("label").htmlFor = "";
  // Who works by keyboard leaves the editor by Escape, then Tab.

  function soon(wait = PAUSE_MS) {
    if (!canSave || state.stopped) return;
    clearTimeout(state.timer);
    state.timer = setTimeout(save, wait);
  }

  async function save() {
    clearTimeout(state.timer);
    if (!canSave || state.stopped || state.busy) return state.busy && soon();
    const now = snapshot(form);
    state.busy = true;
    tell("Saving…");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" },
      });
      const told = await answer.json();
      if (answer.ok) took(told, now);
      else refused(answer.status, told);
    } catch {
      tell("Not saved: no connection. Trying again…", true);
      soon(AGAIN_MS);
    } finally {
      state.busy = false;
    }
    return undefined;
  }

  function took(told, now) {
    state.sent = now;
    form.elements.namedItem("revision").value = told.revision;
    notice("");
    tell(`Saved ${told.saved}`);
    list(told.problems);
    mark(view, told.problems);
    text("seen-subject", told.subject);
    text("seen-preheader", told.preheader);
    text("weight", told.weight);
    if (told.shows) frame();
    if (snapshot(form) !== state.sent) soon();
  }

  function refused(status, told) {
    // Somebody else's words are never written over, and a session that has ended saves nothing.
    if (status === 409 || status === 401 || status === 403) state.stopped = true;
    const words = Object.values(told.errors ?? {}).join(" ") || told.detail || told.title;
    tell("Not saved", true);
    notice(words);
  }

  form.addEventListener("input", (event) => event.target !== field && soon());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (state.stopped) say("Not saved. Copy your words, then load the page again");
    else save();
  });
  addEventListener("beforeunload", (event) => {
    if (canSave && snapshot(form) !== state.sent) event.preventDefault();
  });
  addPictures(view);
  looks((key) => (form.elements.namedItem("reader").value = key));
  document.getElementById("problems").addEventListener("click", (event) => {
    const line = event.target.closest("[data-line]")?.dataset.line;
    if (line) jump(view, Number(line));
  });
  const first = JSON.parse(page.dataset.problems);
  list(first);
  mark(view, first);
}

function snapshot(form) {
  return ["subject", "preheader", "source", "own_text"].map((name) => form.elements.namedItem(name).value).join("\u0000");
}

function mark(view, problems) {
  const { doc } = view.state;
  const marks = problems.filter(({ place }) => place === "source").map(({ line, column, severity, message }) => {
    const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
    const from = Math.min(found.from + Math.max(column - 1, 0), found.to);
    return { from: from === found.to ? found.from : from, to: found.to, severity, message };
  });
  view.dispatch(setDiagnostics(view.state, marks));
}

function jump(view, line) {
  const found = view.state.doc.line(Math.min(line, view.state.doc.lines));
  view.dispatch({ selection: { anchor: found.from }, effects: EditorView.scrollIntoView(found.from, { y: "center" }) });
  view.focus();
}

const CALLED = { subject: "Subject", preheader: "Preview line", text: "Text part" };

function list(problems) {
  const items = problems.map(({ place, line, severity, message }) => {
    const item = document.createElement("li");
    const at = document.createElement(place === "source" ? "button" : "b");
    at.textContent = place === "source" ? `Line ${line}` : CALLED[place];
    if (place === "source") Object.assign(at, { type: "button", className: "btn btn-quiet" }).dataset.line = line;
    const words = document.createElement("p");
    words.className = severity === "error" ? "grow error" : "grow";
    words.textContent = message;
    item.append(at, words);
    return item;
  });
  if (!items.length) {
    const item = document.createElement("li");
    item.className = "muted";
    item.textContent = "Nothing. This letter can be sent.";
    items.push(item);
  }
  document.getElementById("problems").replaceChildren(...items);
}

function addPictures(view) {
  const form = document.getElementById("add-picture");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), headers: { Accept: "application/json" },
    });
    const told = await answer.json();
    if (!answer.ok) return notice(told.detail);
    notice("");
    const line = view.state.doc.lineAt(view.state.selection.main.head);
    view.dispatch({ changes: { from: line.to, insert: `\n${told.mjml}` }, selection: { anchor: line.to + 1 } });
    form.reset();
    view.focus();
    return undefined;
  });
}

function text(id, words) {
  document.getElementById(id).textContent = words;
}

const page = document.getElementById("letter");
if (page) start(page);
