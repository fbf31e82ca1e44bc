// A little help with elements.

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** Make an element: `element("p", {class: "note", hidden: true}, "text", child)`. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) {
      made.setAttribute(key, "");
    } else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Let an icon show another picture of icons.svg. */
export const picture = (icon, name) => one("use", icon).setAttribute("href", `${new URL("../icons.svg", import.meta.url).pathname}#${name}`);

/** Make a copy of what a `<template>` of the page holds: the server and the script draw the same thing. */
export const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** Fill the parts of an element that are marked `data-slot`. */
export function fill(root, values) {
  for (const [name, value] of Object.entries(values)) {
    for (const slot of all(`[data-slot="${name}"]`, root)) {
      slot.textContent = value;
    }
  }
}

/** Run `step` every second with the seconds left, then `done`; returns what stops it. */
export function countDown(seconds, step, done) {
  const end = performance.now() + seconds * 1000;
  step(seconds);
  const timer = setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0) {
      step(left);
    } else {
      clearInterval(timer);
      done();
    }
  }, 250);
  return () => clearInterval(timer);
}
