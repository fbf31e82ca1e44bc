// Before anything is drawn: the colours that the visitor chose, if they did. (Not a module: modules run too late.)
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("todo:theme");
  } catch {
    // Storage is off: the system decides.
  }
  if (chosen === "light" || chosen === "dark") {
    document.documentElement.dataset.theme = chosen;
  }
  document.documentElement.classList.add("scripted");
})();
