// What the code editor knows of MJML and of merge tags.
const BOX = ["background-color", "border", "border-radius", "css-class", "mj-class", "padding"];
const TEXT = [...BOX, "align", "color", "font-family", "font-size", "font-weight", "line-height"];
const any = (names, children) => ({ attrs: Object.fromEntries(names.map((name) => [name, null])), children });

// Component names with their attributes, for completion: https://documentation.mjml.io
export const components = {
  mjml: any(["lang", "dir"], ["mj-head", "mj-body"]),
  "mj-head": any([], ["mj-include", "mj-style", "mj-attributes", "mj-font", "mj-breakpoint", "mj-raw"]),
  "mj-body": any(["background-color", "css-class", "width"], ["mj-wrapper", "mj-section", "mj-include", "mj-raw", "mj-hero"]),
  "mj-include": { attrs: { path: ["head", "header", "header-plain", "footer"] } },
  "mj-attributes": any([]), "mj-all": any(TEXT), "mj-class": any(["name", ...TEXT]),
  "mj-style": any(["inline"]), "mj-font": any(["name", "href"]), "mj-breakpoint": any(["width"]), "mj-raw": any([]),
  "mj-wrapper": any([...BOX, "full-width"], ["mj-section"]),
  "mj-section": any([...BOX, "background-url", "direction", "full-width", "text-align"], ["mj-column", "mj-group"]),
  "mj-group": any(["background-color", "direction", "vertical-align", "width"], ["mj-column"]),
  "mj-column": any([...BOX, "vertical-align", "width"]),
  "mj-text": any([...TEXT, "height", "text-decoration"]),
  "mj-button": any([...TEXT, "href", "inner-padding", "width", "target"]),
  "mj-image": any([...BOX, "align", "alt", "fluid-on-mobile", "height", "href", "src", "width"]),
  "mj-divider": any([...BOX, "border-color", "border-style", "border-width", "width"]),
  "mj-spacer": any(["height", "css-class"]),
  "mj-table": any([...TEXT, "cellpadding", "role", "width"]),
  "mj-social": any([...TEXT, "icon-size", "mode"], ["mj-social-element"]),
  "mj-social-element": any([...TEXT, "href", "name", "src", "alt"]),
  "mj-hero": any([...BOX, "background-height", "background-url", "background-width", "height", "mode"]),
  "mj-navbar": any([...BOX, "align"], ["mj-navbar-link"]), "mj-navbar-link": any([...TEXT, "href"]),
  "mj-accordion": any(BOX), "mj-accordion-element": any(BOX), "mj-accordion-title": any(TEXT), "mj-accordion-text": any(TEXT),
};

const INSIDE = /\{\{-?\s*([a-z_][\w.]*)?$/;
const ASKED = /\{%-?\s*(?:if|elif)\s(?:(?!%\})[^"']|"[^"]*"|'[^']*')*?(?<![\w.])([a-z_][\w.]*)?$/;
const LISTED = /\{%-?\s*for\s+\w+\s+in\s+([a-z_][\w.]*)?$/;
const OPENED = /\{%-?\s*(?:fo?r?)?$/;
const FILTER = /\{[{%][^{}|]*(?:\|[^{}|]*)*\|\s*([a-z]*)$/;

// Completes names after "{{" and in what an if asks, lists in a for, filters after "|", and whole loops after "{%".
export function mergeWords({ variables, filters }) {
  const names = variables.map((one) => ({ ...one, type: "variable" }));
  const lists = names.filter((one) => one.loop);
  const loops = lists.map((one) => ({ label: one.loop, info: one.info, detail: "loop", type: "keyword", apply }));
  const ways = filters.map((one) => ({ ...one, type: "function" }));
  return (context) => {
    const { text, from } = context.state.doc.lineAt(context.pos);
    const before = text.slice(0, context.pos - from);
    for (const [pattern, options] of [[FILTER, ways], [INSIDE, names], [ASKED, names], [LISTED, lists]]) {
      const found = pattern.exec(before);
      if (found) return { from: context.pos - (found[1]?.length ?? 0), options, validFor: /^[\w.]*$/ };
    }
    const opened = OPENED.exec(before);
    return opened && loops.length ? { from: from + opened.index, options: loops, validFor: /^\{%-?\s*\w*$/ } : null;
  };
}

// A loop takes the place of what was typed, with the bracket that the editor had closed by itself.
function apply(view, { label }, from, to) {
  const closed = /^\s*%?\}/.exec(view.state.doc.lineAt(to).text.slice(to - view.state.doc.lineAt(to).from));
  view.dispatch({ changes: { from, to: to + (closed?.[0].length ?? 0), insert: label }, selection: { anchor: from + label.length } });
}
