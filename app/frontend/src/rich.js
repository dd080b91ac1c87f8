// Rich text in place of a plain field that holds its HTML: bold, italic, struck words, links and lists, nothing else.
// The field stays what is posted; without this script it shows the HTML itself.
import { baseKeymap, toggleMark } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { keymap } from "prosemirror-keymap";
import { DOMParser, DOMSerializer, Schema } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { EditorState } from "prosemirror-state";
import { EditorView } from "prosemirror-view";

const mark = (element, others) => ({ parseDOM: [{ tag: element }, ...others.map((tag) => ({ tag }))], toDOM: () => [element, 0] });

const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { content: "inline*", group: "block", parseDOM: [{ tag: "p" }], toDOM: () => ["p", 0] },
    bullet_list: { content: "list_item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: () => ["ul", 0] },
    ordered_list: { content: "list_item+", group: "block", parseDOM: [{ tag: "ol" }], toDOM: () => ["ol", 0] },
    list_item: { content: "paragraph block*", parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0], defining: true },
    hard_break: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
    text: { group: "inline" },
  },
  marks: {
    link: {
      attrs: { href: {} }, inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (element) => ({ href: element.getAttribute("href") }) }],
      toDOM: ({ attrs }) => ["a", { href: attrs.href }, 0],
    },
    strong: mark("strong", ["b"]),
    em: mark("em", ["i"]),
    s: mark("s", ["del", "strike"]),
  },
});

/** Put an editor in place of a field; gives what inserts text where the cursor is. */
export function rich(field) {
  const box = Object.assign(document.createElement("div"), { className: "rich" });
  const bar = Object.assign(document.createElement("div"), { className: "btns" });
  bar.setAttribute("role", "toolbar");
  const label = field.labels[0]?.textContent ?? "Text";
  bar.setAttribute("aria-label", `Writing: ${label}`);
  box.append(bar);
  field.hidden = true;
  field.after(box);
  const host = document.createElement("div");
  host.append(...new window.DOMParser().parseFromString(field.value, "text/html").body.childNodes);
  const view = new EditorView(box, {
    state: EditorState.create({
      doc: DOMParser.fromSchema(schema).parse(host),
      plugins: [history(), keymap(keys(() => askLink(view))), keymap(baseKeymap)],
    }),
    attributes: { "aria-label": label, "aria-multiline": "true", role: "textbox" },
    dispatchTransaction(change) {
      const state = view.state.apply(change);
      view.updateState(state);
      pressed(bar, state);
      if (!change.docChanged) return;
      field.value = htmlOf(state);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    },
    handleDOMEvents: { blur: () => (field.dispatchEvent(new Event("change", { bubbles: true })), false) },
  });
  bar.append(...tools(view));
  pressed(bar, view.state);
  return (words) => {
    view.dispatch(view.state.tr.insertText(words));
    view.focus();
  };
}

function htmlOf(state) {
  const box = document.createElement("div");
  box.append(DOMSerializer.fromSchema(schema).serializeFragment(state.doc.content));
  return box.innerHTML;
}

function keys(link) {
  const { hard_break: br, list_item: item } = schema.nodes;
  return {
    "Mod-z": undo, "Mod-y": redo, "Shift-Mod-z": redo, "Mod-b": toggleMark(schema.marks.strong), "Mod-i": toggleMark(schema.marks.em),
    "Mod-k": () => (link(), true),
    Enter: splitListItem(item), "Mod-[": liftListItem(item), "Mod-]": sinkListItem(item),
    "Shift-Enter": (state, dispatch) => (dispatch?.(state.tr.replaceSelectionWith(br.create()).scrollIntoView()), true),
  };
}

function tools(view) {
  const { bullet_list: dots, ordered_list: numbers, list_item: item } = schema.nodes;
  const listed = (kind) => (state, dispatch) => liftListItem(item)(state, dispatch) || wrapInList(kind)(state, dispatch);
  return [
    ["B", "Bold", "strong", toggleMark(schema.marks.strong)],
    ["I", "Italic", "em", toggleMark(schema.marks.em)],
    ["S", "Struck out", "s", toggleMark(schema.marks.s)],
    ["Link", "Link", "link", () => askLink(view)],
    ["•", "List", "", listed(dots)],
    ["1.", "1. Numbered list", "", listed(numbers)],
  ].map(([text, name, markName, run]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: text });
    button.setAttribute("aria-label", name);
    if (markName) button.dataset.mark = markName;
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      run(view.state, view.dispatch, view);
      view.focus();
    });
    return button;
  });
}

function pressed(bar, state) {
  const { from, to, empty, $from } = state.selection;
  for (const button of bar.querySelectorAll("[data-mark]")) {
    const type = schema.marks[button.dataset.mark];
    const on = empty ? type.isInSet(state.storedMarks ?? $from.marks()) : state.doc.rangeHasMark(from, to, type);
    button.setAttribute("aria-pressed", String(Boolean(on)));
  }
}

// The browser's own question: it works with every keyboard and screen reader.
function askLink(view) {
  const { state } = view;
  const { from, to, empty } = state.selection;
  const type = schema.marks.link;
  if (!empty && state.doc.rangeHasMark(from, to, type)) return toggleMark(type)(state, view.dispatch);
  const href = window.prompt("Where does the link lead? An address with https://, or {{ a name }}.", "https://")?.trim();
  if (!href || href === "https://") return false;
  if (empty) view.dispatch(state.tr.replaceSelectionWith(schema.text(href, [type.create({ href })]), false));
  else toggleMark(type, { href })(state, view.dispatch);
  return true;
}
