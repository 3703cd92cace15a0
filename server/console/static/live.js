// The live page: puts what the stream brings into place and says when it does not come.
import { joinStream } from "./stream.js";
import { ACT_NAMES, askFor } from "./ask.js";
import { GUARD_ACTS, guardAct, showPhotos } from "./guard.js";
import { showFaces } from "./faces.js";
import { dismiss, jumpTo, watchAbsence } from "./missed.js";
import { beginPlaces, chooseDoorsAs, drawPlaceAnew, openPlace } from "./places.js";
import { beginSound, hearAlarms, hearLost } from "./sound.js";
import { listenToKeys } from "./keys.js";
import { keepMarks } from "./marks.js";
import { listenToScans } from "./scanned.js";
import { settle } from "./settle.js";

const body = document.body;
const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const ROWS = { main: 200, detail: 200 };

const $ = (id) => document.getElementById(id);
const events = $("events");
const clockFormat = new Intl.DateTimeFormat("en-GB", {
  timeZone: body.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const clock = (at) => clockFormat.format(at);
const moment = new Intl.DateTimeFormat(language === "en" ? "en-GB" : "zh-CN", {
  timeZone: body.dataset.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

let last = Number(body.dataset.last);
let serverAheadMs = Date.parse($("now").dateTime) - Date.now();
let lostSince = null;

// -- one state drives the label, the banner and the dimming

function showLink(state, since) {
  if (state === "lost" && body.dataset.link === "up") hearLost();
  body.dataset.link = state;
  lostSince = state === "lost" ? since : null;
  $("link-text").textContent = { up: _("Live"), waiting: _("Connecting …"), lost: _("No connection") }[state];
  $("banner").hidden = state !== "lost";
  const asOf = state === "lost" ? _("as of {time}").replace("{time}", clock(since + serverAheadMs)) : "";
  for (const place of document.querySelectorAll("[data-as-of]")) place.textContent = asOf;
  if (state === "lost") {
    $("banner").textContent = _("Connection lost since {time}. What is shown may be out of date; the doors go on deciding. Trying again …")
      .replace("{time}", clock(since + serverAheadMs));
  }
}

// -- events

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // the server's own rendering, escaped there
  return template.content;
}

let coming = []; // rows of one burst: laid out together

function addRow(html) {
  if (coming.push(html) === 1) setTimeout(showComing, 0);
}

function showComing() {
  const rows = [...fragment(coming.join("")).children].filter((row) => Number(row.dataset.seq) > last).reverse();
  coming = [];
  if (rows.length === 0) return; // shown already
  last = Number(rows[0].dataset.seq);
  const atTop = events.scrollTop < 8;
  const height = events.scrollHeight;
  for (const row of rows) row.classList.add("fresh");
  events.prepend(...rows);
  cap();
  if (!atTop) events.scrollTop += events.scrollHeight - height; // who reads further down is not moved
  const grave = rows.find((row) => ["bad", "wait"].includes(row.dataset.tone));
  if (grave) say(grave);
}

function cap() {
  const count = { main: 0, detail: 0 };
  for (const row of [...events.children]) {
    const weight = row.dataset.group === "detail" ? "detail" : "main";
    if (++count[weight] > ROWS[weight]) row.remove();
  }
  showEmpty();
}

function reset(seq, html) {
  coming = [];
  events.replaceChildren(...fragment(html).children);
  last = seq;
  showEmpty();
}

function showEmpty() {
  const shown = [...events.children].some((row) => getComputedStyle(row).display !== "none");
  $("no-events").hidden = shown;
}

function say(row) {
  $("said").textContent = [".decision", ".who", ".why"]
    .map((part) => row.querySelector(part)?.textContent.replace(/\s+/g, " ").trim() ?? "").join(" ");
}

// -- panels: only items that changed are replaced, and focus stays where it was

const asSent = new WeakMap(); // item → as the server sent it: what runs here (seconds left, photos) changes it
for (const item of document.querySelectorAll("[data-panel] > *")) asSent.set(item, item.outerHTML);

function showPanel(name, html) {
  const panel = $(name);
  if (!panel) return;
  const fresh = [...fragment(html).children];
  for (const item of fresh) asSent.set(item, item.outerHTML);
  const old = new Map([...panel.children].map((item) => [item.dataset.item, item]));
  const focused = panel.contains(document.activeElement) ? document.activeElement : null;
  const focusedItem = focused?.closest("[data-item]")?.dataset.item;
  const focusedAct = focused?.dataset.act;
  const items = fresh.map((item) => {
    const before = old.get(item.dataset.item);
    return before && asSent.get(before) === asSent.get(item) ? before : item;
  });
  const same = items.length === panel.children.length && items.every((item, index) => item === panel.children[index]);
  if (same) return;
  panel.replaceChildren(...items);
  if (focused && document.activeElement !== focused) {
    const item = focusedItem && panel.querySelector(`[data-item="${CSS.escape(focusedItem)}"]`);
    const target = focused.isConnected ? focused : item?.matches("[tabindex]") ? item : item?.querySelector(focusedAct ? `[data-act="${focusedAct}"]` : "button");
    (target ?? $(`${name}-title`) ?? $("doors-title")).focus({ preventScroll: true });
  }
  if (name === "alarms") countAlarms();
  if (name === "alarms" || name === "notices") hearAlarms({ [name]: panel });
  if (name === "alarms" || name === "taps") showFaces(_);
  if (name === "edges" || name === "doors") tellSilent();
  if (name === "doors" || name === "areas") drawPlaceAnew();
  if (name === "waiting") tellWaiting();
  countDown();
}

// -- an edge that is silent is named on top: what its doors show is old

function tellSilent() {
  const silent = [...document.querySelectorAll('#edges .edge[data-linked="false"] h3')].map((one) => one.textContent);
  const stale = document.querySelectorAll("#doors .door.stale").length;
  const place = $("edges-banner");
  place.hidden = silent.length === 0 && stale === 0;
  const text = silent.length
    ? _("Silent edge: {names}. Its doors go on deciding; what is shown of them is old, and no command reaches them.").replace("{names}", silent.join(_(", ")))
    : _("{count} doors do not report: what is shown of them is old.").replace("{count}", stale);
  if (place.textContent !== text) place.textContent = text;
}

// -- what runs out: seconds left, by the server's clock

function countDown() {
  for (const place of document.querySelectorAll("[data-until]")) {
    const left = Math.ceil((Date.parse(place.dataset.until) - Date.now() - serverAheadMs) / 1000);
    const text = left <= 0 ? place.dataset.over : left < 100 ? _("{count} s").replace("{count}", left) : `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (place.textContent !== text) place.textContent = text;
    place.toggleAttribute("data-ended", left <= 0);
  }
}

// -- who waits for the guard: photos, and said aloud once

const told = new Set();
function tellWaiting() {
  showPhotos(_);
  const asking = [...document.querySelectorAll("#waiting .confirm")];
  for (const item of asking.filter((one) => !told.has(one.dataset.item))) {
    told.add(item.dataset.item);
    $("said").textContent = `${item.querySelector(".asked").textContent} ${item.querySelector(".who").textContent.replace(/\s+/g, " ")}`;
  }
  countAlarms();
}

const title = document.title.replace(/^\(\d+\) /, "");
function countAlarms() {
  const more = Number(document.querySelector("#alarms [data-more]")?.dataset.more ?? 0);
  const standing = document.querySelectorAll("#alarms .alarm, #waiting .confirm").length + more;
  document.title = (standing ? `(${standing}) ` : "") + title;
}

// -- what the feed says

function hear(message) {
  if (message.type === "row") addRow(message.html);
  else if (message.type === "reset") reset(message.seq, message.html);
  else if (message.type === "panels") settle(() => { for (const [name, html] of Object.entries(message.panels)) showPanel(name, html); });
  else if (message.type === "tick") {
    serverAheadMs = Date.parse(message.at) - Date.now();
    if (body.dataset.link !== "up") showLink("up");
    look();
  } else if (message.type === "up") showLink("up");
  else if (message.type === "down") showLink("lost", message.since);
  else if (message.type === "reload") location.reload();
  else if (message.type === "signed-out") location.assign(`/sign-in?ended=1&to=${encodeURIComponent(location.pathname)}`);
}

setInterval(() => {
  const now = Date.now();
  if (lostSince === null) {
    $("now").textContent = clock(now + serverAheadMs);
    countDown();
  }
}, 500);

document.addEventListener("visibilitychange", () => { if (!document.hidden) showFaces(_); });
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// -- what a person does

function filter(wanted) {
  body.dataset.filter = wanted;
  for (const button of document.querySelectorAll(".filters button")) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === wanted));
  }
  events.scrollTop = 0;
  showEmpty();
}

function usable(selector) {
  return [...document.querySelectorAll(selector)].filter((one) => one.offsetParent !== null && !one.disabled);
}

function toNextDoor() {
  const doors = usable(body.dataset.view === "plan" ? "#plan .door-mark" : "#doors [data-act=unlock]");
  if (doors.length === 0) $("doors-title").focus();
  else doors[(doors.indexOf(document.activeElement) + 1) % doors.length].focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, [role=button]");
  if (!button) return;
  const { act } = button.dataset;
  if (button.dataset.filter) filter(button.dataset.filter);
  else if (button.matches("button[data-view]")) chooseDoorsAs(button.dataset.view);
  else if (act === "place") openPlace(button.dataset);
  else if (act === "seen") dismiss();
  else if (act === "jump") jumpTo(button.dataset.seq, filter);
  else if (GUARD_ACTS.includes(button.dataset.act)) guardAct(button, language, _);
  else if (ACT_NAMES.includes(button.dataset.act)) askFor(button, language, _);
  else if ("close" in button.dataset) button.closest("dialog").close();
});

listenToKeys({
  a: () => (usable("#alarms [data-act=acknowledge]")[0] ?? $("alarms-title")).focus(),
  w: () => (usable("#waiting .acts button")[0] ?? $("waiting-title")).focus(),
  d: toNextDoor,
  e: () => events.focus(),
  s: () => $("taps-title").focus(),
});
settle();
showEmpty();
tellWaiting();
countDown();
showFaces(_);
tellSilent();
beginPlaces();
beginSound(_);
keepMarks();
listenToScans();
hearAlarms({ alarms: $("alarms"), notices: $("notices") });
const look = watchAbsence({
  isCurrent: () => body.dataset.link === "up", last: () => last, clock: (at) => moment.format(at + serverAheadMs),
}, _);
joinStream(language, () => last, hear);
