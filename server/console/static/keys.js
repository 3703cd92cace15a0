// Keyboard first: one key each, never while something is typed.
const $ = (id) => document.getElementById(id);

function seen(selector) {
  return [...document.querySelectorAll(selector)].filter((one) => one.offsetParent !== null && !one.disabled);
}

function toAlarms() {
  (seen("#alarms [data-act=acknowledge]")[0] ?? $("alarms-title")).focus();
}

function toNextDoor() {
  const doors = seen("#doors [data-act=unlock]");
  if (doors.length === 0) $("doors-title").focus();
  else doors[(doors.indexOf(document.activeElement) + 1) % doors.length].focus();
}

function toWaiting() {
  (seen("#waiting .acts button")[0] ?? $("waiting-title")).focus();
}

export function listenToKeys() {
  const keys = { a: toAlarms, w: toWaiting, d: toNextDoor, e: () => $("events").focus() };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog[open]")) return;
    const button = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (keys[event.key]) keys[event.key]();
    else if (button) button.click();
    else return;
    event.preventDefault();
  });
}
