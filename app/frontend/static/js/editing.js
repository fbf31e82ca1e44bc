// The form of a task: what it had when it was filled in, what was changed since, and what was changed elsewhere meanwhile.

import { element, one } from "./dom.js";

const FIELDS = ["title", "description", "due_date", "due_time", "priority"];
const NAMES = { title: "title", description: "details", due_date: "due date", due_time: "due time", priority: "priority" };

const field = (form, name) => form.elements.namedItem(name);

/** A task's values as the form has them. */
export function valuesOf(task) {
  const [day, time = ""] = (task.due ?? "").split("T");
  return { title: task.title, description: task.description, due_date: day, due_time: time, priority: task.priority };
}

/** Put a task's values into its form; the values of `kept` fields stay as they were typed. */
export function fill(form, task, kept = []) {
  for (const [name, value] of Object.entries(valuesOf(task))) {
    field(form, `was_${name}`).value = value;
    if (!kept.includes(name)) {
      field(form, name).value = value;
    }
  }
  field(form, "updated_at").value = task.updated_at;
  complain(form, "");
}

/** The fields that were changed here. */
export const changed = (form) => FIELDS.filter((name) => field(form, name).value !== field(form, `was_${name}`).value);

/** The fields that were changed both here and in `task`, to different values. */
export function clashes(form, task) {
  const now = valuesOf(task);
  return changed(form).filter((name) => ![field(form, `was_${name}`).value, field(form, name).value].includes(now[name]));
}

/** What to send: what was changed, and which task that was made from. */
export function changes(form) {
  const names = changed(form);
  const made = Object.fromEntries(["title", "description", "priority"].filter((name) => names.includes(name)).map((name) => [name, field(form, name).value]));
  if (names.includes("due_date") || names.includes("due_time")) {
    made.due = due(field(form, "due_date").value, field(form, "due_time").value);
  }
  return { ...made, updated_at: field(form, "updated_at").value };
}

/** A due date as the API takes it. */
export const due = (day, time) => (day && time ? `${day}T${time}` : day || time || null);

/** Say in the form what is wrong; nothing, where nothing is. */
export function complain(form, text) {
  one(".error", form)?.remove();
  if (text) {
    form.prepend(element("p", { class: "error", role: "alert" }, text));
  }
}

/** Say that fields were changed elsewhere, too, and what they have now. */
export function explain(task, names) {
  const now = valuesOf(task);
  const shown = names.map((name) => `${NAMES[name]} ${now[name] || "none"}`).join(", ");
  return `This task was changed elsewhere in the meantime. It now has: ${shown}. Save again to replace that.`;
}
