// The page with the list and the chat. Without scripts it works by its forms; this takes them over.

import * as chat from "./chat.js";
import * as composer from "./composer.js";
import { one } from "./dom.js";
import * as network from "./network.js";
import * as tasks from "./tasks.js";
import { toast } from "./toast.js";

network.watch();
tasks.start();
composer.start();
chat.start();
document.documentElement.classList.add("ready"); // from here on the forms are the script's

// The list of conversations closes like a menu.
const conversations = one("#conversations");
document.addEventListener("click", (event) => {
  conversations.open &&= conversations.contains(event.target);
});
conversations.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && conversations.open) {
    conversations.open = false;
    one("summary", conversations).focus();
  }
});

// What a form left to say takes no room of its own here.
const flash = one("#flash");
if (flash) {
  const form = one('[data-form="undo"]', flash);
  const id = form ? Number(new FormData(form).get("tool_call_id")) || null : null;
  toast(one("span", flash).textContent, form && { label: "Undo", run: () => chat.undo(id) });
  flash.remove();
}
