// The alarm's sound: urgent ones repeat until acknowledged, others are told once. A mute runs out by itself; there is no "for ever".
const MUTE_MS = 10 * 60 * 1000;
const REPEAT_MS = 4000;
const KEY = "menjin.muted-until";
const TUNES = { urgent: [[880, 0], [660, 0.22], [880, 0.44], [660, 0.66]], once: [[660, 0], [880, 0.18]], lost: [[330, 0], [220, 0.25]] };

const $ = (id) => document.getElementById(id);
let audio = null;
let ours = !navigator.locks; // of several tabs one sounds
let urgent = 0; // alarms
let fires = 0;
let told = null; // alarms that were raised when last looked
let nextAt = 0;
let _ = (text) => text;

export function beginSound(translate) {
  _ = translate;
  document.addEventListener("click", (event) => {
    const act = event.target.closest("button")?.dataset.act;
    if (act === "sound") toggleSound();
    else if (act === "arm") arm();
  });
  for (const kind of ["click", "keydown"]) document.addEventListener(kind, arm); // not at the press: the banner that goes would move what is being clicked
  new Audio(`${document.body.dataset.static}/quiet.wav`).play().then(arm, () => {}); // whether the browser lets this page sound without a touch
  setInterval(turn, 500);
  turn();
}

// Browsers keep quiet until somebody has touched the page, or one of this site just before.
function arm() {
  audio ??= new AudioContext();
  if (audio.state !== "running") audio.resume().then(armed, () => {});
  else armed();
}

function armed() {
  if (audio.state !== "running") return;
  if (navigator.locks && !ours) {
    navigator.locks.request("menjin sound", () => { ours = true; return new Promise(() => {}); }).catch(() => { ours = true; });
  }
  turn();
}

function mutedUntil() {
  const until = Number(stored());
  return until > Date.now() && until <= Date.now() + MUTE_MS ? until : 0;
}

function stored() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function store(value) {
  try { localStorage.setItem(KEY, String(value)); } catch { /* private window: for this page only */ }
}

function toggleSound() {
  if (audio?.state !== "running") return arm();
  store(mutedUntil() ? 0 : Date.now() + MUTE_MS);
  nextAt = 0;
  return turn();
}

// What stands now: the panels that have changed, each as an element that holds its items.
export function hearAlarms({ alarms, notices }) {
  if (notices) fires = notices.querySelectorAll('[data-notice="fire"]').length;
  if (alarms) hearRaised([...alarms.querySelectorAll('.alarm[data-state="raised"]')]);
  turn();
}

function hearRaised(raised) {
  urgent = raised.filter((one) => one.dataset.priority === "1").length;
  const now = new Set(raised.map((one) => `${one.dataset.item} ${one.querySelector(".repeats")?.textContent ?? ""}`));
  const fresh = told !== null && [...now].some((one) => !told.has(one));
  told = now;
  if (fresh && !urgent && !fires) play("once");
  if (fresh) nextAt = 0;
}

export function hearLost() {
  play("lost");
}

function turn() {
  const until = mutedUntil();
  const state = audio?.state !== "running" ? "off" : until ? "muted" : "on";
  document.body.dataset.sound = state;
  const left = Math.ceil((until - Date.now()) / 1000);
  const texts = {
    off: _("Sound off: click"), on: _("Sound on"),
    muted: _("Muted, {time} left").replace("{time}", `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`),
  };
  if ($("sound-do").textContent !== texts[state]) $("sound-do").textContent = texts[state];
  $("sound-do").setAttribute("aria-pressed", String(state === "muted"));
  $("sound-banner").hidden = state !== "off" || urgent + fires === 0;
  $("sound-banner").firstElementChild.textContent = _("An urgent alarm stands and the browser keeps the sound off until you click.");
  if (ours && urgent + fires && state === "on" && Date.now() >= nextAt) {
    nextAt = Date.now() + REPEAT_MS;
    play("urgent");
  }
}

function play(name) {
  if (!ours || audio?.state !== "running" || mutedUntil()) return;
  document.body.dataset.sounded = name;
  for (const [hertz, after] of TUNES[name]) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    const at = audio.currentTime + after;
    tone.type = "square";
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.0001, at);
    loudness.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.0001, at + 0.2);
    tone.connect(loudness).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.21);
  }
}
