// <nod-form>: enhances the plain form inside it, or loads it. The answer and the faults show in place; without this
// script the same form posts as any other. Nothing is stored, no cookie, nothing from elsewhere.
import css from "./nod-form.css";
import { solve } from "./solving.js";

const PARTS = [
  ["form", "form"],
  ["p:has(>input:not([type=hidden])),p:has(>select)", "field"],
  ["p>label:not(:has(input)),legend", "label"],
  ["input:not([type=hidden],[type=checkbox]),select", "input"],
  ["[type=checkbox]", "checkbox"],
  ["label:has([type=checkbox])", "choice"],
  ["fieldset", "choices"],
  ["p:has([name=yes]),p:has([name=tracking])", "consent"],
  ["button", "button"],
  ["p:has(>small:only-child)", "privacy"],
  ["a", "link"],
];
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

class NodForm extends HTMLElement {
  async connectedCallback() {
    if (this.shadowRoot) return;
    // A module runs when the page is read, so what stands inside is whole by now.
    const form = this.querySelector("form") ?? (await this.load());
    if (!form) return;
    const root = this.attachShadow({ mode: "open" });
    const own = new CSSStyleSheet();
    own.replaceSync(`:host{${(form.dataset.style ?? "").replace(/[{}<>]/g, "")}}`);
    root.adoptedStyleSheets = [own, sheet];
    root.append(form);
    for (const [selector, part] of PARTS) for (const item of root.querySelectorAll(selector)) item.part.add(part);
    this.status = document.createElement("p");
    this.status.part.add("status");
    this.status.setAttribute("role", "status");
    form.querySelector("button").parentElement.after(this.status);
    form.noValidate = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(form);
    });
  }

  async load() {
    const url = new URL(this.getAttribute("src"), document.baseURI);
    url.pathname += "/fragment";
    if (this.lang) url.searchParams.set("lang", this.lang);
    const answer = await fetch(url, { credentials: "omit" });
    if (!answer.ok) return null;
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    return holder.content.querySelector("form");
  }

  async send(form, more = {}) {
    const button = form.querySelector("button");
    if (button.ariaBusy === "true" && !more.altcha) return;
    button.ariaBusy = "true";
    try {
      const body = new URLSearchParams(new FormData(form));
      for (const [name, value] of Object.entries(more)) body.set(name, value);
      const answer = await fetch(form.action, {
        method: "POST",
        body,
        credentials: "omit",
        headers: { Accept: "application/json" },
      });
      const told = await answer.json();
      if (told.puzzle && !more.altcha && crypto?.subtle) return await this.send(form, { altcha: await solve(told.puzzle) });
      if (answer.ok) this.thank(form, told);
      else this.correct(form, told);
    } catch {
      // The website is not on the form's list, or the network is away: the plain way shows what is wrong.
      form.submit();
    } finally {
      button.ariaBusy = "false";
    }
  }

  thank(form, told) {
    if (told.url) return location.assign(told.url);
    const title = document.createElement("strong");
    title.textContent = told.title;
    this.status.replaceChildren(title, document.createElement("br"), told.detail);
    form.replaceChildren(this.status);
    this.status.tabIndex = -1;
    this.status.focus();
    this.dispatchEvent(new CustomEvent("nod-asked", { bubbles: true, composed: true }));
  }

  correct(form, told) {
    for (const old of form.querySelectorAll("[part=error]")) old.remove();
    for (const field of form.elements) field.removeAttribute("aria-invalid");
    let first;
    const left = [];
    for (const [name, message] of Object.entries(told.errors ?? {})) {
      const field = form.querySelector(`[name="${CSS.escape(name)}"]:not([type=hidden])`);
      if (!field) {
        left.push(message);
        continue;
      }
      const error = document.createElement("p");
      error.part.add("error");
      error.id = `nod-e-${name}`;
      error.textContent = message;
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", error.id);
      (field.closest("fieldset") ?? field.closest("p")).append(error);
      first ??= field;
    }
    this.status.textContent = left.join(" ") || (first ? "" : told.detail);
    first?.focus();
  }
}

customElements.define("nod-form", NodForm);
