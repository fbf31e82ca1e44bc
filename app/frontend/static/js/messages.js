// How messages, answers and what tools did look in the conversation.

import { all, copy, countDown, element, fill, one, picture } from "./dom.js";

const log = one("#log");
const list = one("#messages");
let following = true;

const DOING = {
  add_task: "Adding…", list_tasks: "Looking…", complete_task: "Completing…", delete_task: "Deleting…",
  update_task: "Changing…", undo: "Taking back…",
};

/** Keep the newest in sight, unless the reader has scrolled away from it. */
export function follow(anyway = false) {
  if (anyway || following) {
    following = true;
    log.scrollTop = log.scrollHeight;
  }
}

export function watchScrolling() {
  log.addEventListener("scroll", () => {
    following = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  }, { passive: true });
  new ResizeObserver(() => follow()).observe(log);
  follow(true);
}

export const messageOf = (key) => all("[data-key]", list).find((each) => each.dataset.key === key) ?? null;

/** The answer to a message, where there is one. */
export function answerOf(message) {
  const next = message.nextElementSibling;
  return next?.dataset.role === "assistant" ? next : null;
}

function make(role, who) {
  const made = copy("message-template");
  made.classList.remove("assistant", "user");
  made.classList.add(role);
  made.dataset.role = role;
  fill(made, { who });
  return made;
}

/** Add what the user says. */
export function addMessage(key, text) {
  const made = make("user", "You:");
  made.dataset.key = key;
  fill(made, { content: text });
  one("#welcome")?.remove();
  one("#suggestions")?.remove();
  list.append(made);
  follow(true);
  return made;
}

/**
 * Say below a message how it fares; without text, nothing. Buttons are `[label, action or address]`.
 * Returns what begins a countdown in the same place.
 */
export function status(message, kind, text = "", buttons = []) {
  one(".unanswered", message)?.remove();
  delete message.dataset.unanswered;
  message.dataset.kind = kind;
  let line = one(".status", message);
  if (!line) {
    line = element("div", { class: "status", role: "status" });
    message.append(line);
  }
  line.hidden = !text;
  const words = element("span", {}, text);
  line.replaceChildren(words, ...buttons.map(([label, action]) => {
    if (typeof action === "string") {
      return element("a", { class: "button small", href: action }, label);
    }
    const made = element("button", { type: "button", class: "button small" }, label);
    made.addEventListener("click", action);
    return made;
  }));
  follow();
  return (seconds, phrase, done) => countDown(seconds, (left) => { words.textContent = phrase(left); }, done);
}

function chip(tool, summary) {
  const made = copy("call-template");
  picture(one(".call-icon", made), tool);
  fill(made, { tool, summary });
  return made;
}

/** What takes a call back; the server draws the same where it draws a call. */
function undoForm(id) {
  const button = element("button", { class: "bare" });
  button.append(one(".call-icon .icon", copy("call-template")), "Undo");
  picture(button, "undo");
  return element("form", { class: "undo", "data-form": "undo" }, element("input", { type: "hidden", name: "tool_call_id", value: id }), button);
}

/** The assistant's answer while it comes. */
export class Answer {
  constructor(message) {
    answerOf(message)?.remove(); // of an earlier attempt
    this.element = make("assistant", "Assistant:");
    this.element.classList.add("coming");
    this.words = one('[data-slot="content"]', this.element);
    this.calls = one(".calls", this.element);
    this.chips = new Map();
    message.after(this.element);
    follow();
  }

  say(text) {
    this.words.append(text);
    follow();
  }

  notice(text) {
    one(".notice", this.element).hidden = !text;
    fill(this.element, { notice: text });
  }

  calling(position, tool) {
    const made = chip(tool, DOING[tool] ?? "Working…");
    made.classList.add("running");
    this.#place(position, made);
  }

  called(position, call) {
    const made = chip(call.tool, call.result.summary);
    const details = one(".call", made);
    details.dataset.call = call.id;
    details.dataset.undoable = call.undoable;
    fill(made, { arguments: JSON.stringify(call.arguments, null, 2) });
    one(".call-result", made).classList.toggle("ok", call.result.ok);
    one(".call-result", made).classList.toggle("failed", !call.result.ok);
    if (call.undoable) {
      made.append(undoForm(call.id));
    }
    this.#place(position, made);
  }

  #place(position, made) {
    const before = this.chips.get(position);
    if (before) {
      one(".call", made).open = one(".call", before).open;
      before.replaceWith(made);
    } else {
      this.calls.append(made);
    }
    this.chips.set(position, made);
    follow();
  }

  /** Show it as the server keeps it. */
  finish(answer) {
    this.words.textContent = answer.response;
    this.notice(answer.notice ?? "");
    answer.tool_calls.forEach((call, position) => this.called(position, call));
    this.end();
  }

  /** Nothing more comes. */
  end() {
    this.element.classList.remove("coming");
    if (!this.words.textContent && !this.chips.size) {
      this.element.remove();
    }
  }
}
