// The conversation: a message goes out under a key of its own, and again under the same key until it is answered.

import { Failure, failure, request } from "./api.js";
import { all, one, picture } from "./dom.js";
import { Answer, addMessage, answerOf, messageOf, status, watchScrolling } from "./messages.js";
import * as network from "./network.js";
import { newKey, outbox, zone } from "./store.js";
import { events } from "./stream.js";
import * as tasks from "./tasks.js";
import { toast } from "./toast.js";

const ATTEMPTS = 6; // at a request that the server fails at (500); one that it does not get to is never given up
const LONGEST_PAUSE = 30; // seconds
const form = one("#chat-form");
const log = one("#log");
let conversation = Number(document.body.dataset.conversation) || null;
let current = null; // the turn that is under way: {entry, controller}
const waiting = new Map(); // key -> what ends its countdown

// What this page shows without an answer, by key. Another tab may answer it and take it out of the outbox: asking again
// under the same key shows it here too.
const unanswered = new Map();

function keep(entry) {
  unanswered.set(entry.key, entry);
  outbox.put(entry);
}

function forget(key) {
  unanswered.delete(key);
  outbox.drop(key);
}

/** Send a message. Returns false where another one is still being answered. */
export function send(message) {
  if (current) {
    return false;
  }
  const entry = { key: newKey(), message, body: null, stopped: false, attempts: 0 };
  keep(entry);
  addMessage(entry.key, message);
  next();
  return true;
}

/** Stop the answer that is coming. */
export const stop = () => current?.controller.abort();

/** Send what waits, one after the other, oldest first: a message may speak of what the one before it did. */
function next() {
  const entries = [...unanswered.values()].filter((each) => !each.stopped && !each.refused);
  if (!entries.length || current) {
    return;
  }
  const [first, ...others] = entries;
  if (!network.online()) {
    for (const entry of entries) {
      status(messageOf(entry.key), "waiting", "Not sent yet: waiting for the connection.", [["Try now", () => again(entry)]]);
    }
  } else if (!waiting.has(first.key)) {
    run(first);
    return;
  }
  for (const entry of waiting.has(first.key) ? others : []) {
    status(messageOf(entry.key), "waiting", "Not sent yet: the message before it goes first.");
  }
}

function again(entry) {
  waiting.get(entry.key)?.();
  waiting.delete(entry.key);
  const wanted = { ...entry, stopped: false, refused: false };
  keep(wanted);
  if (!current) { // else it is next
    run(wanted);
  }
}

/** Seconds until the next attempt: as the server wants it, and longer each time. */
const pause = (entry, wanted) => Math.min(Math.max(2 ** (entry.attempts - 1), wanted ?? 1), LONGEST_PAUSE);

function busy(now) {
  const button = one("#send");
  form.classList.toggle("busy", now);
  one("span", button).textContent = now ? "Stop" : "Send";
  picture(button, now ? "stop" : "send");
  log.setAttribute("aria-busy", String(now)); // read out when it is complete, not word by word
}

async function run(entry) {
  const controller = new AbortController();
  current = { entry, controller };
  const message = messageOf(entry.key) ?? addMessage(entry.key, entry.message);
  status(message, "sending");
  busy(true);
  const answer = new Answer(message);
  entry.body ??= JSON.stringify({ message: entry.message, timezone: zone, ...(conversation && { conversation_id: conversation }) });
  keep(entry);
  try {
    const response = await request("POST", "/chat/stream", {
      body: entry.body,
      headers: { Accept: "text/event-stream", "Idempotency-Key": entry.key },
      signal: controller.signal,
    });
    await receive(response, answer);
    network.reached();
    forget(entry.key);
    status(message, "done");
    current = null;
    next();
  } catch (error) {
    current = null;
    answer.end();
    settle(entry, message, controller.signal.aborted ? null : error);
  } finally {
    busy(Boolean(current));
  }
}

async function receive(response, answer) {
  try {
    for await (const { type, data } of events(response)) {
      if (type === "token") {
        answer.say(data.text);
      } else if (type === "tool_call") {
        answer.calling(data.position, data.tool);
      } else if (type === "tool_result") {
        answer.called(data.position, data.call);
        changed(data.call);
      } else if (type === "notice") {
        answer.notice(data.text);
      } else if (type === "error") {
        throw failure(data.status, data, data.retry_after);
      } else if (type === "done") {
        answer.finish(data);
        conversation = data.conversation_id;
        remember(conversation);
        if (data.replayed) {
          tasks.refresh();
        }
        return;
      }
    }
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(0, "The connection broke off.");
  }
  throw new Failure(0, "The connection broke off.");
}

/** The assistant did something: the list follows, and what was deleted can be brought back. */
function changed(toolCall) {
  tasks.follow(toolCall);
  if (toolCall.tool === "delete_task" && toolCall.undoable) {
    toast(toolCall.result.summary, { label: "Undo", run: () => undo(toolCall.id) });
  }
}

/** A turn has not come to its end: say so, and do what helps. */
function settle(entry, message, error) {
  const retry = ["Retry", () => again(entry)];
  tasks.refresh(); // what was done before it broke off is done
  if (!error) {
    keep({ ...entry, stopped: true });
    status(message, "stopped", "Stopped.", [retry]);
  } else if (error.expired) {
    status(message, "failed", error.message, [["Log in", "/login"]]);
  } else if (error.status === 0) {
    network.lost();
    status(message, "waiting", `${error.message} It goes out again when the connection is back.`, [retry]);
  } else if (error.status === 404 && conversation) {
    conversation = null; // deleted meanwhile: the message begins a new one
    forget(entry.key);
    message.dataset.key = newKey();
    run({ ...entry, key: message.dataset.key, body: null });
  } else if (error.passing && (error.status !== 500 || entry.attempts < ATTEMPTS)) {
    const later = { ...entry, attempts: entry.attempts + 1 };
    keep(later);
    const retryNow = () => again(later);
    const count = status(message, "waiting", error.message, [["Retry now", retryNow]]);
    const phrase = (left) => `${error.message} Your message is kept. Trying again in ${left} s.`;
    waiting.set(entry.key, count(pause(later, error.wait), phrase, retryNow));
    next(); // says that the others wait, too
  } else {
    keep({ ...entry, refused: true });
    status(message, "failed", error.message, [retry, ["Edit", () => edit(entry, message)]]);
  }
}

function edit(entry, message) {
  forget(entry.key);
  message.remove();
  const field = one("#message");
  field.value = [entry.message, field.value].filter(Boolean).join("\n"); // what is being written stays
  field.dispatchEvent(new Event("input"));
  field.focus();
}

/** The plain forms and the next load go on with the same conversation. */
function remember(id) {
  document.body.dataset.conversation = id;
  for (const field of all('#chat-form input[name="conversation"]')) {
    field.value = id;
  }
  document.cookie = `todo_conversation=${id}; path=/; max-age=2592000; samesite=lax`;
}

/** Take back what a call did, or what was done last; the chip that shows it says so. */
export async function undo(id = null) {
  if (await tasks.undo(id)) {
    for (const chip of id ? all(`[data-call="${id}"]`) : []) {
      chip.dataset.undoable = "false";
      chip.parentElement.classList.add("undone");
      one(".undo", chip.parentElement)?.remove();
    }
  }
}

/** Go on with what an earlier visit left unanswered, and watch the connection. */
export function start() {
  watchScrolling();
  for (const entry of outbox.all()) {
    const message = messageOf(entry.key);
    if (message && answerOf(message)) {
      forget(entry.key);
    } else if (entry.stopped || entry.refused) {
      unanswered.set(entry.key, entry);
      const shown = message ?? addMessage(entry.key, entry.message);
      status(shown, "stopped", entry.stopped ? "Stopped." : "Not sent.", [["Retry", () => again(entry)], ["Edit", () => edit(entry, shown)]]);
    } else {
      keep({ ...entry, attempts: 0 });
      if (!message) {
        addMessage(entry.key, entry.message);
      }
    }
  }
  network.onChange((reachable) => reachable && next());
  log.addEventListener("submit", (event) => {
    const fields = new FormData(event.target);
    if (event.target.dataset.form === "undo") {
      event.preventDefault();
      undo(Number(fields.get("tool_call_id")) || null);
    } else if (event.target.dataset.form === "retry") {
      event.preventDefault();
      again(taken(fields));
    }
  });
  next();
}

/** A message that the server has and has not answered, sent by another page: the same message, not one like it. */
function taken(fields) {
  const message = fields.get("message");
  const named = Number(fields.get("conversation"));
  const body = JSON.stringify({ message, timezone: zone, ...(named && { conversation_id: named }) });
  return { key: fields.get("key"), message, body, attempts: 0 };
}
