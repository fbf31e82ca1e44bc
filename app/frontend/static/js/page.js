// On every page: the colours can be changed, and the server learns the time zone.

import { one } from "./dom.js";
import { rememberZone } from "./store.js";

const root = document.documentElement;
const button = one("#theme");
const dark = matchMedia("(prefers-color-scheme: dark)");

const now = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
const name = () => button.setAttribute("aria-label", now() === "dark" ? "Use light colours" : "Use dark colours");

button.addEventListener("click", () => {
  root.dataset.theme = now() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("todo:theme", root.dataset.theme);
  } catch {
    // For this page only, then.
  }
  name();
});
dark.addEventListener("change", name);
name();
rememberZone();
