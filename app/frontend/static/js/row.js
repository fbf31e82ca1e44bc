// One line of the list: drawn as the server draws it.

import { all, fill, one } from "./dom.js";
import { describe } from "./due.js";
import { fill as writeForm } from "./editing.js";

/** Let a row show a task. A form that is open keeps what is being typed. */
export function draw(row, task) {
  const { text, overdue } = task.due ? describe(task.due) : { text: "", overdue: false };
  row.id = `task-${task.id}`;
  row.dataset.task = task.id;
  row.dataset.completed = task.completed;
  row.dataset.priority = task.priority;
  fill(row, { number: `#${task.id}`, title: task.title, description: task.description, due: text });
  fill(row, { priority: `${task.priority} priority` });
  one(".task-description", row).hidden = !task.description;
  const due = one(".due", row);
  due.hidden = !task.due;
  due.dateTime = task.due ?? "";
  due.classList.toggle("overdue", overdue && !task.completed);
  const priority = one(".priority", row);
  priority.hidden = task.priority === "normal";
  priority.className = `priority ${task.priority}`;
  one(".task-done", row).hidden = !task.completed;
  const check = one(".check", row);
  check.value = task.completed ? "reopen" : "complete";
  check.setAttribute("aria-pressed", task.completed);
  check.setAttribute("aria-label", `${task.completed ? "Reopen" : "Complete"} ${task.title}`);
  one(".task-more > summary", row).setAttribute("aria-label", `Edit ${task.title}`);
  for (const form of all("form", row)) {
    form.setAttribute("action", `/tasks/${task.id}`);
  }
  if (!one(".task-more", row).open) {
    write(row, task);
  }
}

/** Put a task's values into its form, and give its fields ids of their own. */
function write(row, task) {
  const form = one(".task-edit", row);
  for (const name of ["title", "description", "due_date", "due_time", "priority"]) {
    const field = form.elements.namedItem(name);
    const label = one(`label[for="${field.id}"]`, row);
    field.id = `edit-${name}-${task.id}`;
    label?.setAttribute("for", field.id);
  }
  writeForm(form, task);
}
