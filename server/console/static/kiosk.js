// The kiosk: one view at a time, worked by scanner and keyboard. Both languages are here, so that a key changes them in the middle of anything.
import { ask, watch } from "./kiosk-server.js";
import { badgeView, documentView, expectedView, readingView, startView, toldView, unknownView, visitView } from "./kiosk-views.js";

const IDLE_S = 60;
const WARN_S = 15;
const SCAN_MS = 90; // a scanner types the next character long before
const CANCEL = "MENJIN-CANCEL";
const OK = "MENJIN-OK";
const LANGUAGE = "MENJIN-LANGUAGE";
const { dataset } = document.body;
const $ = (id) => document.getElementById(id);
const words = { en: {}, "zh-CN": (await import(`${dataset.static}/words.zh-CN.js`)).default };

let language = document.documentElement.lang;
let view = null;
let drawn = null;
let turn = 0; // whose view it is: what was asked from an earlier one is answered to nobody
let waiting = null; // {turn, path, text}: what was asked and is not answered yet
let viewKeys = [];
let keyAt = 0;
let lastAt = performance.now();

const kiosk = {
  _: (text) => words[language][text] ?? text,
  say: (both) => (language === "en" ? both.en : both.zh),
  at: (when) => new Intl.DateTimeFormat(language === "en" ? "en-GB" : "zh-CN", { timeZone: dataset.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(when)),
  show, look, send, start: () => show(startView(kiosk)),
};

// -- views: {name, tone, key, draw(main), keys: [{key, text, does, primary}]}

function show(next) {
  if (view !== next) turn += 1;
  view = next;
  lastAt = performance.now();
  draw();
}

function draw() {
  const main = $("main");
  const typed = main.querySelector("input")?.value ?? "";
  const same = drawn === view; // else nothing that was typed stays, not even half a number
  drawn = view;
  main.dataset.view = view.name;
  main.className = view.tone ? `tone-${view.tone}` : "";
  main.replaceChildren(...view.draw(kiosk).filter(Boolean));
  const input = main.querySelector("input");
  if (input) {
    if (same) input.value = typed;
    input.focus();
  } else {
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
  }
  viewKeys = [...(view.keys?.(kiosk) ?? []), { key: "F9", text: language === "en" ? "中文" : "English", does: changeLanguage }];
  viewKeys.push({ key: "Escape", label: "Esc", text: view.name === "start" ? "" : kiosk._("Back to the start"), does: kiosk.start });
  $("kiosk-site").textContent = (language === "en" ? dataset.siteEn : dataset.siteZh) || dataset.siteZh || dataset.siteEn;
  drawKeys();
}

function drawKeys() {
  const shown = viewKeys.filter((one) => one.text).map((one) => {
    const part = document.createElement("span");
    if (one.primary) part.className = "primary";
    part.append(Object.assign(document.createElement("kbd"), { textContent: one.label ?? one.key }), one.text);
    return part;
  });
  const left = document.createElement("span");
  left.className = "left-over";
  $("kiosk-keys").replaceChildren(...shown, left);
  sayLeft();
}

function changeLanguage() {
  language = language === "en" ? "zh-CN" : "en";
  document.documentElement.lang = language;
  draw();
}

// -- what comes in

async function look(code) {
  const text = code.trim();
  if (!text || control(text)) return;
  await send("scan", { code: text }, (found) => {
    const views = { badge: badgeView, expected: expectedView, visit: visitView, slip: documentView, order: documentView, unknown: unknownView };
    show(views[found.kind](kiosk, found));
  });
}

function control(text) {
  const upper = text.toUpperCase();
  if (upper === CANCEL) kiosk.start();
  else if (upper === LANGUAGE) changeLanguage();
  else if (upper === OK) viewKeys.find((one) => one.primary)?.does();
  else return false;
  return true;
}

// once: the Idempotency-Key of what may not count twice
async function send(path, body, then, once = null) {
  const text = JSON.stringify(body);
  if (waiting?.turn === turn) {
    if (waiting.path !== "scan" || path !== "scan") return tell(kiosk._("One moment: that was not taken yet, scan or press it again."));
    if (waiting.text === text) return undefined;
    turn += 1; // who looks another number up does not wait for the one before
  }
  const mine = { turn, path, text };
  waiting = mine;
  document.body.setAttribute("aria-busy", "true");
  try {
    const { status, told } = await ask(path, body, once);
    if (mine.turn !== turn) return undefined;
    if (status === 401 || status === 403) return location.assign("/kiosk/sign-in");
    lastAt = performance.now();
    if (status < 300) then(told);
    else show(toldView("bad", ({ say }) => say({ en: told.detail, zh: told.detail_zh })));
  } catch {
    if (mine.turn === turn) tell(kiosk._("The server cannot be reached. Try again in a moment, or ask the guard."));
  } finally {
    if (waiting === mine) {
      waiting = null;
      document.body.removeAttribute("aria-busy");
    }
  }
  return undefined;
}

// What was typed stays where it is.
function tell(text) {
  const main = $("main");
  main.querySelector(":scope > [role=alert]")?.remove();
  const line = Object.assign(document.createElement("p"), { className: "told", textContent: text });
  line.setAttribute("role", "alert");
  main.append(line);
}

document.addEventListener("scan", (event) => {
  event.preventDefault();
  look(event.detail.text);
});
document.addEventListener("keydown", (event) => {
  lastAt = performance.now();
  if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return undefined;
  const typing = event.target.closest("input");
  const found = viewKeys.find((one) => one.key === event.key);
  if (!found || (typing && event.key.length === 1)) return undefined;
  event.preventDefault();
  sayLeft();
  if (event.key.length > 1) return found.does(typing?.value ?? "");
  const pressedAt = keyAt; // one character may be the first of a scan: only alone it is a key
  return setTimeout(() => { if (keyAt === pressedAt && viewKeys.includes(found)) found.does(); }, SCAN_MS);
});
window.addEventListener("keydown", (event) => { keyAt = event.timeStamp; }, { capture: true });
document.addEventListener("input", () => { if (waiting?.path === "scan") turn += 1; }); // somebody types on, or somebody else does
document.addEventListener("pointerdown", () => { lastAt = performance.now(); });
document.addEventListener("focusout", () => setTimeout(() => $("main").querySelector("input")?.focus(), 0));

// -- time

function sayLeft() {
  const left = Math.ceil(IDLE_S - (performance.now() - lastAt) / 1000);
  const place = document.querySelector(".left-over");
  const text = view.name !== "start" && left <= WARN_S ? kiosk._("Back to the start in {count} s").replace("{count}", Math.max(left, 0)) : "";
  if (place.textContent !== text) place.textContent = text;
}

setInterval(() => {
  $("kiosk-clock").textContent = new Intl.DateTimeFormat("en-GB", { timeZone: dataset.zone, hour: "2-digit", minute: "2-digit" }).format(new Date());
  const still = performance.now() - lastAt >= IDLE_S * 1000;
  if (still && (view.name !== "start" || $("main").querySelector("input")?.value)) {
    language = document.documentElement.dataset.first;
    document.documentElement.lang = language;
    kiosk.start();
  } else sayLeft();
}, 1000);

document.documentElement.dataset.first = language;
watch((down) => {
  $("kiosk-down").hidden = !down;
  if (down) $("kiosk-down").textContent = kiosk._("The kiosk has no connection to the server: please go to the guard.");
});
kiosk.start();
