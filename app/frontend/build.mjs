// Bundles what the pages load into ../static/built: app.js, editor.js (only where a letter is written), fonts.css and its font files.
// The pages work without any of it; running this twice gives the same bytes.
import { build } from "esbuild";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const outdir = here("../static/built");

await rm(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: here("."),
  entryPoints: { app: "src/app.js", editor: "src/editor.js", fonts: "src/fonts.css" },
  outdir,
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome120", "firefox121", "safari17"],
  minify: true,
  legalComments: "linked",
  loader: { ".woff2": "file" },
  assetNames: "[name]-[hash]",
  logLevel: "warning",
});
