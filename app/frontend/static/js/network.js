// Whether the server can be reached: what the browser says, and what requests have met.

import { one } from "./dom.js";

const listeners = new Set();
let reachable = navigator.onLine;
let timer = 0;
let pause = 1;

export const online = () => reachable;

/** Call `listener(reachable)` whenever that changes. */
export const onChange = (listener) => listeners.add(listener);

function change(now) {
  if (now === reachable) {
    return;
  }
  reachable = now;
  one("#offline")?.toggleAttribute("hidden", now);
  for (const listener of listeners) {
    listener(now);
  }
}

async function probe() {
  clearTimeout(timer);
  if (reachable) {
    return;
  }
  try {
    if ((await fetch("/health", { cache: "no-store" })).ok) {
      pause = 1;
      change(true);
      return;
    }
  } catch {
    // Still away.
  }
  pause = Math.min(pause * 2, 30);
  timer = setTimeout(probe, pause * 1000);
}

/** A request met nobody: find out when somebody is there again. */
export function lost() {
  change(false);
  clearTimeout(timer);
  timer = setTimeout(probe, pause * 1000);
}

/** A request got an answer. */
export const reached = () => change(true);

export function watch() {
  one("#offline")?.toggleAttribute("hidden", reachable);
  window.addEventListener("offline", lost);
  window.addEventListener("online", probe);
  if (!reachable) {
    lost();
  }
}
