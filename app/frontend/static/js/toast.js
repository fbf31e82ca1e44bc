// Short messages at the lower edge; one at a time, the newest.

import { element, one } from "./dom.js";

const STAY_MS = 9000;
let timer = 0;

function place() {
  let found = one("#toasts");
  if (!found) {
    found = element("div", { id: "toasts", class: "toasts", role: "status", "aria-live": "polite" });
    document.body.append(found);
  }
  return found;
}

export function dismiss() {
  clearTimeout(timer);
  place().replaceChildren();
}

/** Say something; with an action, e.g. `{label: "Undo", run}`, also offer to do it. */
export function toast(text, action = null) {
  const shown = element("div", { class: "toast" }, element("span", {}, text));
  if (action) {
    const button = element("button", { type: "button", class: "toast-action" }, action.label);
    button.addEventListener("click", () => {
      dismiss();
      action.run();
    });
    shown.append(button);
  }
  place().replaceChildren(shown);
  clearTimeout(timer);
  const leave = () => {
    if (shown.matches(":hover, :focus-within")) {
      timer = setTimeout(leave, 1500); // somebody is about to use it
    } else {
      shown.remove();
    }
  };
  timer = setTimeout(leave, STAY_MS);
}
