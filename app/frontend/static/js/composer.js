// The field that messages are written in.

import { send, stop } from "./chat.js";
import { all, one } from "./dom.js";
import { draft } from "./store.js";

const form = one("#chat-form");
const field = one("#message");

function grow() {
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }
}

function submit(text) {
  const message = text.trim();
  if (message && send(message)) {
    field.value = "";
    draft.set("");
    grow();
  }
  field.focus();
}

export function start() {
  field.value ||= draft.get();
  grow();
  field.addEventListener("input", () => {
    draft.set(field.value);
    grow();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit(field.value);
    } else if (event.key === "Escape") {
      stop();
    }
  });
  form.noValidate = true; // an empty field sends nothing, and must not keep Stop from working
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.classList.contains("busy")) {
      stop();
      field.focus();
    } else {
      submit(field.value);
    }
  });
  for (const suggestion of all('form[data-form="suggestion"]')) {
    suggestion.addEventListener("submit", (event) => {
      event.preventDefault();
      submit(one('[name="message"]', suggestion).value);
    });
  }
}
