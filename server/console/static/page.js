// A page of records: its forms, and what stands at the doors meanwhile.
import { hearAlarmsHere } from "./alarms-here.js";
import { comeAnew, signInAgain } from "./drafts.js";
import { startForms } from "./forms.js";
import { keepFresh } from "./fresh.js";
import { listenToKeys } from "./keys.js";
import { keepMarks } from "./marks.js";
import { listenToScans } from "./scanned.js";
import { settle } from "./settle.js";
import { joinStream } from "./stream.js";

const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const $ = (id) => document.getElementById(id);

startForms(language, _);
document.querySelector(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone the row of sections is wider than the window

settle();
hearAlarmsHere(_);
listenToKeys();
listenToScans();
keepFresh(_);
keepMarks();
window.addEventListener("pageshow", (event) => { if (event.persisted) comeAnew(); }); // out of the browser's memory, as it was when one left it

// -- the chip: whoever is on another page still learns that somebody waits at a door, or that an alarm stands

let alarms = null;
let waiting = 0;

function count(html, selector) {
  const template = document.createElement("template");
  template.innerHTML = html; // the server's own rendering, escaped there
  return template.content.querySelectorAll(selector).length;
}

function showChip(state) {
  const chip = $("live-chip");
  const parts = [];
  if (waiting) parts.push((waiting === 1 ? _("{count} waits for you") : _("{count} wait for you")).replace("{count}", waiting));
  if (alarms) parts.push((alarms === 1 ? _("{count} alarm") : _("{count} alarms")).replace("{count}", alarms));
  const text = state === "lost" ? _("No connection") : parts.join(" · ") || _("No alarm stands.");
  chip.dataset.state = state === "lost" ? "lost" : parts.length ? "calls" : "up";
  if ($("live-chip-text").textContent !== text) $("live-chip-text").textContent = text;
}

joinStream(language, () => Number(document.body.dataset.last), (message) => {
  document.dispatchEvent(new CustomEvent("live", { detail: message }));
  if (message.type === "panels") {
    if (message.panels.alarms !== undefined) alarms = count(message.panels.alarms, '[data-state="raised"]');
    if (message.panels.waiting !== undefined) waiting = count(message.panels.waiting, ".confirm, [data-act=check]");
    showChip("up");
  } else if (message.type === "tick" || message.type === "up") {
    if (alarms !== null) showChip("up");
  } else if (message.type === "down") showChip("lost");
  else if (message.type === "signed-out") signInAgain();
});
