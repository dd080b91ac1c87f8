// Bundles what the pages load into ../static/built: app.js, editor.js and blocks.js (only where a letter is written), fonts.css and its font
// files, and what forms load: nod-form.js on other websites, puzzle.js and frame.js on our own pages.
// The pages work without any of it; running this twice gives the same bytes.
import { build } from "esbuild";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outdir = here("../static/built");

const common = {
  absWorkingDir: here("."),
  outdir,
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome120", "firefox121", "safari17"],
  minify: true,
  legalComments: "linked",
  assetNames: "[name]-[hash]",
  logLevel: "warning",
};

await rm(outdir, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: { app: "src/app.js", editor: "src/editor.js", blocks: "src/blocks.js", fonts: "src/fonts.css" },
  loader: { ".woff2": "file" },
});
// What stands on other people's pages and on public ones: small, and each whole in one file.
await build({
  ...common,
  entryPoints: { "nod-form": "src/forms/nod-form.js", puzzle: "src/forms/puzzle.js", frame: "src/forms/frame.js" },
  loader: { ".css": "text" },
});
