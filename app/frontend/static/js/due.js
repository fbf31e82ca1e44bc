// When a task is due, in the words that the server uses too.

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const NEAR = new Map([[-1, "Yesterday"], [0, "Today"], [1, "Tomorrow"]]);
const DAY_MS = 86_400_000;

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** Describe `2026-11-27` or `2026-11-27T17:00` as seen from `now`: `{text, overdue}`. */
export function describe(due, now = new Date()) {
  const [year, month, day] = due.slice(0, 10).split("-").map(Number);
  const time = due.slice(11, 16);
  const date = new Date(year, month - 1, day, ...(time ? time.split(":").map(Number) : []));
  const away = Math.round((midnight(date) - midnight(now)) / DAY_MS);
  const far = `${DAYS[date.getDay()]} ${day} ${MONTHS[month - 1]}${year === now.getFullYear() ? "" : ` ${year}`}`;
  const text = NEAR.get(away) ?? far;
  return { text: time ? `${text}, ${time}` : text, overdue: away < 0 || (time !== "" && date < now) };
}
