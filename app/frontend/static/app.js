"use strict";
// Everything goes to this page's own origin; the session's token is in a cookie that this script cannot read.
const user = document.body.dataset.user;
const byId = (id) => document.getElementById(id);
const list = byId("tasks");
let conversation = null;

async function call(method, path, body) {
  if (!user) {
    throw new Error("There is no session yet.");
  }
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/${user}${path}`, options);
  } catch {
    throw new Error("The server cannot be reached.");
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) {
    const detail = answer && answer.detail;
    throw new Error(Array.isArray(detail) ? detail.map((each) => each.msg).join(", ") : detail || response.statusText);
  }
  return answer;
}

function notice(text) {
  byId("notice").hidden = !text;
  byId("notice").firstElementChild.textContent = text || "";
}

async function attempt(action) {
  try {
    await action();
    notice("");
  } catch (error) {
    notice(error.message);
  }
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show(tasks) {
  list.replaceChildren(...tasks.map((task) => {
    const box = element("input", { type: "checkbox", checked: task.completed });
    const erase = element("button", { type: "button", textContent: "\u00d7" });
    erase.setAttribute("aria-label", `Delete ${task.title}`);
    const item = element("li", { className: task.completed ? "done" : "" },
      element("label", {}, box, " ", element("span", { textContent: task.title })),
      element("small", { textContent: task.id }), erase);
    item.dataset.id = task.id;
    return item;
  }));
  byId("empty").hidden = tasks.length > 0;
}

const refresh = async () => show(await call("GET", "/tasks"));

list.addEventListener("change", (event) => attempt(async () => {
  const id = event.target.closest("li").dataset.id;
  await call("PATCH", `/tasks/${id}`, { completed: event.target.checked });
  await refresh();
}));

list.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) {
    attempt(async () => {
      await call("DELETE", `/tasks/${button.closest("li").dataset.id}`);
      await refresh();
    });
  }
});

byId("add").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    await call("POST", "/tasks", { title: byId("title").value });
    byId("title").value = "";
    await refresh();
  });
});

function say(role, text) {
  const line = element("p", { className: role, textContent: text });
  byId("chat").append(line);
  line.scrollIntoView({ block: "nearest" });
}

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("message");
  const message = field.value;
  const button = event.target.querySelector("button");
  button.disabled = true;
  field.value = "";
  say("user", message);
  attempt(async () => {
    const answer = await call("POST", "/chat", conversation ? { message, conversation_id: conversation } : { message });
    conversation = answer.conversation_id;
    say("assistant", answer.reply);
    await refresh();
  }).finally(() => {
    button.disabled = false;
    field.focus();
  });
});

// The server had a session but no time to fetch its tasks.
if (user && !byId("notice").hidden) {
  attempt(refresh);
}
