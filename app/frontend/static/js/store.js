// What this browser keeps for one user across reloads: the draft, and the messages that have no answer yet.

const user = document.body.dataset.user ?? "";

function read(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`todo:${user}:${name}`)) ?? otherwise;
  } catch {
    return otherwise; // storage is off, or not ours
  }
}

function write(name, value) {
  try {
    if (value === null || (Array.isArray(value) && !value.length)) {
      localStorage.removeItem(`todo:${user}:${name}`);
    } else {
      localStorage.setItem(`todo:${user}:${name}`, JSON.stringify(value));
    }
  } catch {
    // Storage is off or full: the page works without.
  }
}

export const draft = {
  get: () => read("draft", ""),
  set: (text) => write("draft", text || null),
};

/** Messages on their way: `{key, message, body, stopped}`. `body` is what was sent, to be sent again as it was. */
export const outbox = {
  all: () => read("outbox", []),
  put(entry) {
    const others = this.all();
    const at = others.findIndex((each) => each.key === entry.key);
    others.splice(at < 0 ? others.length : at, at < 0 ? 0 : 1, entry);
    write("outbox", others);
  },
  drop(key) {
    write("outbox", this.all().filter((each) => each.key !== key));
  },
};

/** A key that no other message has. `crypto.randomUUID` is there on secure origins only. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/** Tell the server the time zone too, for the plain forms. */
export function rememberZone() {
  document.cookie = `todo_timezone=${zone}; path=/; max-age=31536000; samesite=lax`;
}
