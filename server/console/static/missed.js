// What happened since this operator last looked: the page hidden, the machine asleep, or signed out. Said once, until dismissed.
import { call } from "./commands.js";

const AWAY_MS = 60000;
const NOTE_MS = 5000;
const ASLEEP_MS = 30000;
const $ = (id) => document.getElementById(id);
const KEY = `menjin.seen ${document.body.dataset.operator}`;

// isCurrent: whether what is shown is; last: the newest event on the page; clock: the site's time.
export function watchAbsence({ isCurrent, last, clock }, _) {
  let seen = read();
  let turnedAt = Date.now();
  let asking = false;

  async function tell() {
    if (asking || !seen || seen.seq === undefined) return;
    asking = true;
    const since = seen;
    try {
      const answer = await call(`/live/missed?after=${since.seq}`, {});
      if (!answer.ok) return; // asked again with the next turn
      const html = (await answer.text()).trim();
      if (html) show(since, html);
      seen = { seq: last(), at: Date.now() };
      write(seen);
    } catch { /* the server is away: asked again */ } finally {
      asking = false;
    }
  }

  function show(since, html) {
    $("missed-title").textContent = _("While you were away, since {time}").replace("{time}", clock(since.at));
    const template = document.createElement("template");
    template.innerHTML = html; // the server's own rendering, escaped there
    if (!$("missed").hidden) $("missed-what").prepend(template.content); // not yet dismissed: both stay
    else $("missed-what").replaceChildren(template.content);
    $("missed").hidden = false;
  }

  function turn() {
    const now = Date.now();
    const asleep = now - turnedAt > ASLEEP_MS;
    turnedAt = now;
    if (document.hidden || !isCurrent()) return;
    if (seen && (now - seen.at > AWAY_MS || (asleep && now - seen.at > ASLEEP_MS))) tell();
    else {
      seen = { seq: last(), at: now };
      write(seen);
    }
  }

  function read() {
    try { return JSON.parse(localStorage.getItem(KEY)); } catch { return null; }
  }

  function write(value) {
    try { localStorage.setItem(KEY, JSON.stringify(value)); } catch { /* private window: for this page only */ }
  }

  setInterval(turn, NOTE_MS);
  document.addEventListener("visibilitychange", turn);
  return turn;
}

export function dismiss() {
  $("missed").hidden = true;
  $("missed-what").replaceChildren();
}

// To an event in the stream; one that is no longer on the page is in the register.
export function jumpTo(seq, filter) {
  const row = document.querySelector(`#events [data-seq="${CSS.escape(seq)}"]`);
  const alarm = row?.dataset.kind === "AlarmRaised" ? document.querySelector("#alarms .alarm") : null;
  if (!row) {
    location.assign("/register");
    return;
  }
  if (getComputedStyle(row).display === "none") filter("all");
  row.tabIndex = -1;
  row.scrollIntoView({ block: "center" });
  row.classList.remove("fresh");
  requestAnimationFrame(() => row.classList.add("fresh"));
  row.focus({ preventScroll: Boolean(alarm) });
}
