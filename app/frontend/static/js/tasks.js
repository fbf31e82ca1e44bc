// The list beside the conversation: it follows what the assistant does, and can be worked directly.

import { act, call } from "./api.js";
import { all, copy, one } from "./dom.js";
import { changed, changes, clashes, complain, due, explain, fill } from "./editing.js";
import { lost, reached } from "./network.js";
import { draw } from "./row.js";
import { toast } from "./toast.js";

const LIMIT = 200; // the server's
const list = one("#tasks");
const wanted = document.body.dataset.status; // all, pending or completed

let edits = 0; // a list that was asked for before the last of them is out of date
let known = document.body.dataset.known === "true"; // whether the list is the server's
let again = 0; // the timer of the next attempt to get it
let pause = 1; // seconds

const LONGEST_PAUSE = 30;

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
  one("#empty").hidden = found.length > 0 || !known;
  one("#unknown").hidden = known || found.length > 0;
  one("#stale").hidden = known || !found.length;
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
  edits += 1;
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

/** Show what the server has. While it cannot be had, say that the list is not known, or out of date, and try again. */
export async function refresh() {
  clearTimeout(again);
  const offset = Number(new URLSearchParams(location.search).get("offset")) || 0;
  try {
    let items = [];
    let before = -1;
    while (before !== edits) {
      before = edits;
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
    recovered();
  } catch (error) {
    known = false;
    if (!error.expired) {
      again = setTimeout(refresh, pause * 1000);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
  tidy();
}

/** The list is the server's again. What else the page lacks comes with the next load. */
function recovered() {
  known = true;
  pause = 1;
  const problem = one("#problem");
  if (problem) {
    one("span", problem).textContent = "The server answers again.";
    one("a", problem).textContent = "Show the whole page";
    problem.classList.replace("bad", "good");
  }
}

/** Do something; say what failed, and show again what is true. Returns whether it worked. */
async function attempt(action) {
  edits += 1;
  try {
    await action();
    edits += 1;
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

/** What a new task is to be. */
function values(form) {
  const fields = new FormData(form);
  return {
    title: fields.get("title"),
    description: fields.get("description"),
    priority: fields.get("priority"),
    due: due(fields.get("due_date"), fields.get("due_time")),
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
  const worked = await attempt(async () => {
    const { answer, id } = await act("PATCH", `/tasks/${row.dataset.task}`, { completed });
    put(answer);
    done = id;
  });
  if (!worked) {
    row.dataset.completed = !completed;
  }
  if (row.isConnected) {
    check.focus();
  } else {
    toast(completed ? "Done." : "Reopened.", takeBack(done));
    one("#new-title").focus();
  }
}

/** Send what was changed in a form, on top of what was changed elsewhere meanwhile. */
async function save(row, form) {
  const path = `/tasks/${row.dataset.task}`;
  try {
    return await call("PATCH", path, changes(form));
  } catch (error) {
    if (error.status !== 409 || !error.task) {
      throw error;
    }
    const both = clashes(form, error.task);
    fill(form, error.task, changed(form));
    if (both.length) {
      put(error.task);
      complain(form, explain(error.task, both));
      return null;
    }
    return await call("PATCH", path, changes(form));
  }
}

async function change(row, form) {
  let task = null;
  const worked = !changed(form).length || await attempt(async () => {
    task = await save(row, form);
    if (task) {
      one(".task-more", row).open = false;
      put(task, true);
    }
  });
  if (worked && !one(".error", form)) {
    one(".task-more", row).open = false;
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
  if (!known) {
    again = setTimeout(refresh, pause * 1000);
  }
}
