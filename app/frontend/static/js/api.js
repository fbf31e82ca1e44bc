// Requests to the page's own origin, as the user of the session's cookie: `/api/me/…`.

const PATIENCE_MS = 20_000;

/** A request that did not go well. `status` is 0 where no answer came at all. */
export class Failure extends Error {
  constructor(status, message, wait = null, task = null) {
    super(message);
    this.status = status;
    this.wait = wait; // seconds after which the server wants to be asked again
    this.task = task; // with a conflict: the task as it is now
  }

  /** The session is over: only logging in helps. */
  get expired() {
    return this.status === 401;
  }

  /** Nothing is wrong with the request: the same one may succeed later. */
  get passing() {
    return [0, 408, 409, 425, 429, 500, 502, 503, 504].includes(this.status);
  }
}

const NAMES = {
  0: "The server cannot be reached.",
  401: "Your session has ended.",
  413: "That is too long.",
  429: "That was a lot at once.",
  500: "Something went wrong on the server.",
  502: "The server cannot be reached.",
  503: "The server is not ready yet.",
  504: "The server takes too long.",
};

function explain(status, answer) {
  const detail = answer?.detail;
  if (status < 500 && ![401, 413, 429].includes(status) && typeof detail === "string") {
    return detail;
  }
  if (Array.isArray(detail)) {
    return detail.map((each) => each.msg.replace(/^Value error, /, "")).join("; ");
  }
  return NAMES[status] ?? "That did not work.";
}

/** Make a failure of an answer's status, body and `Retry-After`. */
export function failure(status, answer, wait) {
  const seconds = Number.parseInt(wait ?? answer?.retry_after ?? "", 10);
  const after = Number.isFinite(seconds) ? Math.max(seconds, 1) : null;
  return new Failure(status, explain(status, answer), after, answer?.task ?? null);
}

const csrf = () => document.querySelector('meta[name="csrf-token"]');

/** The session was renewed, and its token with it: the plain forms need the new one too. */
function renew(token) {
  csrf()?.setAttribute("content", token);
  for (const field of document.querySelectorAll('input[name="csrf"]')) {
    field.value = token;
  }
}

/** Send a request; return the response once its headers are there. Raises a Failure unless it went well. */
export async function request(method, path, { body, headers = {}, signal } = {}) {
  const all = { Accept: "application/json", "X-CSRF-Token": csrf()?.content ?? "", ...headers };
  if (body !== undefined) {
    all["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(`/api/me${path}`, { method, headers: all, body, signal, credentials: "same-origin" });
  } catch (error) {
    if (signal?.aborted && error.name === "AbortError") {
      throw error;
    }
    throw failure(0);
  }
  if (response.headers.has("X-CSRF-Token")) {
    renew(response.headers.get("X-CSRF-Token"));
  }
  if (!response.ok) {
    throw failure(response.status, await response.json().catch(() => null), response.headers.get("Retry-After"));
  }
  return response;
}

/** Send a request and return the JSON of its answer; null for an empty one. */
export async function call(method, path, value) {
  return (await act(method, path, value)).answer;
}

/** Do something; return the answer, and the number of what was done, for `undo`. */
export async function act(method, path, value) {
  const body = value === undefined ? undefined : JSON.stringify(value);
  const response = await request(method, path, { body, signal: AbortSignal.timeout(PATIENCE_MS) }).catch((error) => {
    throw error instanceof Failure ? error : failure(504);
  });
  const answer = response.status === 204 ? null : await response.json();
  return { answer, id: Number(response.headers.get("Tool-Call")) || null };
}
