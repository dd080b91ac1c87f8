// The hosted form while it is flooded: solves its puzzle once somebody begins to fill it in. Without this a person waits.
import { solve } from "./solving.js";

for (const field of document.querySelectorAll("[data-puzzle]")) {
  field.form.addEventListener(
    "focusin",
    async () => {
      // Without TLS a browser offers no hashes; the server then asks for ten seconds instead.
      if (!globalThis.crypto?.subtle) return;
      field.value = await solve(JSON.parse(field.dataset.puzzle));
    },
    { once: true },
  );
}
