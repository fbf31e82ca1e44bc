// The page with the list and the chat. Without scripts it works by its forms; this takes them over.

import * as chat from "./chat.js";
import * as composer from "./composer.js";
import { one } from "./dom.js";
import * as network from "./network.js";
import * as tasks from "./tasks.js";

network.watch();
tasks.start();
composer.start();
chat.start();

one('#flash form[data-form="undo"]')?.addEventListener("submit", (event) => {
  event.preventDefault();
  const id = Number(new FormData(event.target).get("tool_call_id")) || null;
  one("#flash").remove();
  chat.undo(id);
});
