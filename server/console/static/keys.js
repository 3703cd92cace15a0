// Keyboard first: one key each, never while something is typed; g and a letter go to a section; ? shows what there is.
import { GAP_MS } from "./scan.js";

const GO_MS = 1500;
const HELD_MS = 45; // more than between two keys of a scanner, less than anybody feels
const TYPED = "input, textarea, select, [contenteditable]";
const $ = (id) => document.getElementById(id);

let held = null;

// Does what this key is for, unless it is a scanner's first: the key that follows tells.
export function whenAlone(event, act) {
  held = { act, at: event.timeStamp, timer: setTimeout(letGo, HELD_MS, Infinity) };
}

function letGo(now) {
  const { act, at, timer } = held;
  held = null;
  clearTimeout(timer);
  if (now - at > GAP_MS) act();
}

// On the window: scan.js stops a scanner's keys at the document.
window.addEventListener("keydown", (event) => { if (held && event.key !== "Shift") letGo(event.timeStamp); }, { capture: true });

// own: {key: act} of this page, beside every [data-key] on it.
export function listenToKeys(own = {}) {
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat || event.defaultPrevented) return;
    if (event.target.closest(TYPED) || document.activeElement?.matches(TYPED) || document.querySelector("dialog:modal")) return; // who clicks beside a dialog's fields has the focus on the page behind it
    const { key } = event;
    const link = event.timeStamp < going ? document.querySelector(`[data-go="${CSS.escape(key)}"]`) : null;
    going = key === "g" && !link ? event.timeStamp + GO_MS : 0;
    if (key === "g" && !link) return;
    const button = link ?? (own[key] ? null : seen(`[data-key="${CSS.escape(key)}"]`));
    const act = button ? () => button.click() : own[key];
    if (!act) return;
    event.preventDefault();
    whenAlone(event, act);
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-act=shortcuts]")) showShortcuts();
  });
}

function seen(selector) {
  return [...document.querySelectorAll(selector)].find((one) => one.offsetParent !== null && !one.disabled);
}

function showShortcuts() {
  const list = $("shortcuts-here");
  for (const old of list.querySelectorAll("[data-found]")) old.remove();
  const keyed = [...document.querySelectorAll("[data-key]")].filter((one) => one.offsetParent !== null);
  for (const one of keyed) list.append(row(one.dataset.key, one.dataset.keyLabel ?? one.getAttribute("aria-label") ?? one.textContent));
  $("shortcuts").showModal();
}

function row(key, text) {
  const line = document.createElement("div");
  line.dataset.found = "";
  const name = document.createElement("dt");
  name.append(Object.assign(document.createElement("kbd"), { textContent: key }));
  line.append(name, Object.assign(document.createElement("dd"), { textContent: text.replace(/\s+/g, " ").replace(/ \S$/, "").trim() }));
  return line;
}
