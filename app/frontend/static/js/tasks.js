// The list beside the conversation: it follows what the assistant does, and can be worked directly.

import { act, call } from "./api.js";
import { all, copy, one } from "./dom.js";
import { lost, reached } from "./network.js";
import { draw } from "./row.js";
import { toast } from "./toast.js";

const LIMIT = 200; // the server's
const list = one("#tasks");
const wanted = document.body.dataset.status; // all, pending or completed

let changes = 0; // a list that was asked for before the last of them is out of date

const rows = () => all(".task", list);
const rowOf = (id) => one(`.task[data-task="${id}"]`, list);
const shown = (task) => wanted === "all" || (wanted === "completed") === task.completed;

/** Show a task where its number belongs; `mark` draws the eye to it. */
function put(task, mark = false) {
  let row = rowOf(task.id);
  if (!shown(task)) {
    row?.remove();
    return;
  }
  if (!row) {
    row = copy("task-template");
    draw(row, task);
    const next = rows().find((each) => Number(each.dataset.task) > task.id);
    list.insertBefore(row, next ?? null);
  } else {
    draw(row, task);
  }
  if (mark) {
    row.classList.remove("marked");
    row.getBoundingClientRect(); // begins the animation anew
    row.classList.add("marked");
    row.scrollIntoView({ block: "nearest" });
  }
}

function tidy() {
  const found = rows();
  one("#empty").hidden = found.length > 0;
  const open = found.filter((each) => each.dataset.completed === "false").length;
  for (const badge of all("[data-open-tasks]")) {
    badge.textContent = open;
    badge.hidden = !open;
  }
}

/** Bring the list up to date with what a tool did. */
export function follow({ tool, result }) {
  if (!result.ok || tool === "list_tasks") {
    return;
  }
  changes += 1;
  if (tool === "undo") {
    refresh();
    return;
  }
  for (const task of result.tasks) {
    if (tool === "delete_task") {
      rowOf(task.id)?.remove();
    } else {
      put(task, true);
    }
  }
  tidy();
}

/** Show what the server has. Says nothing where it cannot be reached: something else will. */
export async function refresh() {
  const offset = Number(new URLSearchParams(location.search).get("offset")) || 0;
  try {
    let items = [];
    let before = -1;
    while (before !== changes) {
      before = changes;
      ({ items } = await call("GET", `/tasks?status=${wanted}&limit=${LIMIT}&offset=${offset}`));
    }
    const kept = new Set(items.map((task) => String(task.id)));
    for (const row of rows()) {
      if (!kept.has(row.dataset.task)) {
        row.remove();
      }
    }
    for (const task of items) {
      put(task);
    }
    tidy();
  } catch {
    // As it was.
  }
}

/** Do something; say what failed, and show again what is true. Returns whether it worked. */
async function attempt(action) {
  changes += 1;
  try {
    await action();
    changes += 1;
    reached();
    return true;
  } catch (error) {
    if (error.status === 0) {
      lost();
    }
    toast(error.message ?? "That did not work.", error.expired ? { label: "Log in", run: () => location.assign("/login") } : null);
    refresh();
    return false;
  } finally {
    tidy();
  }
}

/** Take back a tool call, or what was done last. Returns whether there was something to. */
export async function undo(id = null) {
  let ok = false;
  await attempt(async () => {
    const { result } = await call("POST", "/undo", id ? { tool_call_id: id } : {});
    ok = result.ok;
    toast(ok ? "Taken back." : result.summary);
    await refresh();
    for (const task of ok ? result.tasks : []) {
      if (rowOf(task.id)) {
        put((await call("GET", `/tasks/${task.id}`)), true);
      }
    }
  });
  return ok;
}

function values(form) {
  const fields = new FormData(form);
  const [day, time] = [fields.get("due_date"), fields.get("due_time")];
  return {
    title: fields.get("title"),
    description: fields.get("description"),
    priority: fields.get("priority"),
    due: day && time ? `${day}T${time}` : day || time || null,
  };
}

const takeBack = (id) => ({ label: "Undo", run: () => undo(id) });

async function add(form) {
  const worked = await attempt(async () => put(await call("POST", "/tasks", values(form)), true));
  if (worked) {
    form.reset();
    one(".add-more", form).open = false;
  }
  one('[name="title"]', form).focus();
}

async function toggle(row, completed) {
  const check = one(".check", row);
  row.dataset.completed = completed; // at once; the answer says the rest
  let done = null;
  await attempt(async () => {
    const { answer, id } = await act("PATCH", `/tasks/${row.dataset.task}`, { completed });
    put(answer);
    done = id;
  });
  if (row.isConnected) {
    check.focus();
  } else {
    toast(completed ? "Done." : "Reopened.", takeBack(done));
    one("#new-title").focus();
  }
}

async function change(row, form) {
  const worked = await attempt(async () => {
    const task = await call("PATCH", `/tasks/${row.dataset.task}`, values(form));
    one(".task-more", row).open = false;
    put(task, true);
  });
  if (worked) {
    one(".task-more > summary", row).focus();
  }
}

async function erase(row) {
  const beside = row.nextElementSibling ?? row.previousElementSibling;
  const title = one('[data-slot="title"]', row).textContent;
  row.hidden = true;
  let done = null;
  const worked = await attempt(async () => {
    ({ id: done } = await act("DELETE", `/tasks/${row.dataset.task}`));
  });
  row.hidden = false;
  if (worked) {
    row.remove();
    tidy();
    toast(`Deleted “${title}”.`, takeBack(done));
    (beside ? one(".check", beside) : one("#new-title")).focus();
  }
}

export function start() {
  one("#list").addEventListener("submit", (event) => {
    const form = event.target;
    const row = form.closest(".task");
    const action = event.submitter?.value ?? "edit";
    event.preventDefault();
    if (form.dataset.form === "add-task") {
      add(form);
    } else if (action === "complete" || action === "reopen") {
      toggle(row, action === "complete");
    } else if (action === "delete") {
      erase(row);
    } else {
      change(row, form);
    }
  });
  list.addEventListener("animationend", (event) => event.target.classList.remove("marked"));
  list.addEventListener("keydown", (event) => {
    const details = event.target.closest(".task-more[open]");
    if (event.key === "Escape" && details) {
      details.open = false;
      one("summary", details).focus();
    }
  });
  list.addEventListener("toggle", (event) => {
    if (event.target.open) {
      one('[name="title"]', event.target)?.focus();
    }
  }, true);
  tidy();
}
