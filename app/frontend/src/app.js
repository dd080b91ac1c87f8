// Behaviour of the admin's pages. Each module finds what it needs and leaves a page without it alone:
// without this script every act is a form post and a reload.
import "htmx.org";
import { busy } from "./busy.js";
import { calendar } from "./calendar.js";
import { copying } from "./copying.js";
import { dialogs } from "./dialogs.js";
import { focusing } from "./focusing.js";
import { keys } from "./keys.js";
import { palette } from "./palette.js";
import { preview } from "./preview.js";
import { progress } from "./progress.js";
import { redrawn } from "./redrawn.js";
import { selecting } from "./selecting.js";
import { toasts } from "./toasts.js";

for (const start of [busy, calendar, copying, dialogs, focusing, palette, preview, progress, redrawn, selecting, keys, toasts]) start(document);
