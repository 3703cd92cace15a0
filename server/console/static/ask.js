// The one dialog: what an operator asks of the edges, why, and what became of it.
import { call, command } from "./commands.js";
import { tellOutcome } from "./outcomes.js";

const $ = (id) => document.getElementById(id);

let current = 0; // the dialog's turn: answers to an earlier one are not shown

// Each: its texts, and what is sent; `extra` is a second line to fill in, `edges` are asked one by one.
const ACTS = {
  unlock: (_) => ({
    title: _("Unlock door"), label: _("Reason (goes on record)"), does: _("Unlock now"),
    command: ({ door }, reason) => ({ name: "UnlockDoor", door, reason }),
  }),
  acknowledge: (_, { keyUsed }) => ({
    title: _("Acknowledge alarm"), label: _("What did you find? (goes on record)"), does: _("Acknowledge"),
    extra: keyUsed === undefined ? null : _("Number of the mechanical key, if one was used"),
    note: (text, extra) => (extra ? { note: text, key: extra } : { note: text }),
  }),
  lockdown: (_) => ({
    title: _("Lock down"), label: _("Reason (goes on record)"), does: _("Lock down now"),
    hint: _("Nobody enters until a supervisor ends it; the ways out stay open."),
    command: ({ area }, reason) => ({ name: "LockDown", area, reason }),
  }),
  release: (_) => ({
    title: _("End lockdown"), label: _("Reason (goes on record)"), does: _("End it now"),
    command: ({ area }, reason) => ({ name: "Release", area, reason }),
  }),
  mismatch: (_) => ({
    title: _("The holder does not match"), label: _("What does not match? (goes on record)"), does: _("Refuse and suspend the badge"),
    hint: _("The badge is suspended at once, at every door, until customer service has looked into it."),
    path: "/api/v1/holder-confirmations",
    body: ({ point, number }, reason) => ({ access_point: point, number, accepted: false, reason }),
  }),
  firereset: (_) => ({
    title: _("Reset fire release"), label: _("Who looked, and why it may be reset (goes on record)"), does: _("Reset now"),
    hint: _("Only when the fire input is at rest again. Doors lock as before; who is inside is then not certain."),
    command: ({ zone }, reason) => ({ name: "ResetFire", zone, reason }),
  }),
  maintenance: (_) => ({
    title: _("Maintenance"), label: _("What is done, and by whom (goes on record)"), does: _("Begin maintenance"),
    hint: _("Forced and held-open alarms of this door are not told meanwhile; decisions go on as before."),
    choice: _("For how long"), choices: async () => [15, 30, 60, 120, 240, 480].map((minutes) => [String(minutes), _("{count} minutes").replace("{count}", minutes)]),
    command: ({ door }, reason, extra, choice) => ({ name: "SetMaintenance", door, minutes: Number(choice), reason }),
  }),
  maintained: (_) => ({
    title: _("End maintenance"), label: _("Reason (goes on record)"), does: _("End it now"),
    command: ({ door }, reason) => ({ name: "SetMaintenance", door, minutes: 0, reason }),
  }),
  identify: (_) => ({
    title: _("Find the reader"), does: _("Let it blink"), hint: _("The reader's lamp blinks for a few seconds; no door unlocks."), quiet: true,
    command: ({ point }) => ({ name: "Identify", access_point: point }),
  }),
  admit: (_, { point }) => ({
    title: _("Admit a visitor"), label: _("Reason (goes on record)"), does: _("Admit now"),
    hint: _("Two-person and escort rules stay: the escort taps at the reader. Emergencies are admitted on their own page, where the ID document is looked at."),
    choice: _("Who is checked in for this area"), choices: () => admissible(point, _), none: _("Nobody who may enter here is checked in: check the visitor in first, under Visits."),
    command: (given, reason, extra, choice) => ({ name: "Admit", access_point: point, person: choice, reason }),
  }),
  count: (_, { numbers }) => ({
    title: _("Count of persons"), label: _("Who counted, and why (goes on record)"), does: _("This is who is inside"),
    hint: _("Whoever is not named here counts as gone from the area and all inside it."),
    extra: _("Badge numbers found, and +2 for two persons without a badge"), given: numbers,
    command: ({ area }, reason, extra) => ({ name: "ReconcileOccupancy", area, reason, ...counted(extra) }),
  }),
};

export const ACT_NAMES = Object.keys(ACTS);

async function admissible(point, _) {
  const answer = await call(`/live/admissible?point=${encodeURIComponent(point)}`, {});
  if (!answer.ok) return [];
  const { visits, emergencies } = await answer.json();
  const links = emergencies.map(({ id, text }) => [`/emergencies/${id}`, _("Emergency") + _(": ") + text]);
  return [...visits.map(({ id, text }) => [id, text]), ...links];
}

function counted(text) {
  const words = text.split(/[\s,，、;；]+/).filter(Boolean);
  const more = words.filter((word) => /^\+\d{1,4}$/.test(word));
  return { numbers: words.filter((word) => !more.includes(word)), others: more.reduce((sum, word) => sum + Number(word), 0) };
}

export function askFor(button, language, _) {
  const given = { ...button.dataset };
  const act = ACTS[given.act](_, given);
  const turn = ++current;
  const dialog = $("ask");
  $("place").close();
  $("ask-title").textContent = act.title;
  $("ask-about").textContent = given.about;
  show("ask-label", act.label);
  $("ask-text").hidden = !act.label;
  $("ask-text").required = Boolean(act.label);
  $("ask-do").textContent = act.does;
  $("ask-text").value = "";
  show("ask-hint", act.hint);
  show("ask-extra-label", act.extra);
  $("ask-extra").hidden = !act.extra;
  $("ask-extra").value = act.given ?? "";
  answer("", null);
  $("ask-do").disabled = false;
  offer(act, () => turn === current, _);
  dialog.showModal();
  (act.label ? $("ask-text") : $("ask-do")).focus();
  let edges = edgesOf(given); // who has not done it yet
  let sent = false; // until it has failed it is not sent again, however it is pressed
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    if (sent) return;
    const text = $("ask-text").value.trim();
    const choice = act.choice ? $("ask-choice").value : "";
    if (choice.startsWith("/")) {
      location.assign(choice);
      return;
    }
    if (act.choice && !choice) {
      $("ask-choice").focus();
      return;
    }
    if (!text && !act.quiet) {
      answer(_("Write a few words first."), "bad");
      $("ask-text").focus();
      return;
    }
    sent = true;
    $("ask-do").disabled = true;
    answer(_("Sent. Waiting for the edge …"), "wait");
    const outcome = await send(act, given, edges, { text, extra: $("ask-extra").value.trim(), choice }, language, _);
    sent = outcome.done;
    edges = outcome.left ?? edges;
    const tone = outcome.done ? "good" : "bad";
    if (turn !== current || !dialog.open) {
      tellOutcome([act.title, given.about].filter(Boolean).join(" · ") + _(": ") + outcome.text, tone, _);
      return;
    }
    $("ask-do").disabled = outcome.done;
    answer(outcome.text, tone);
    if (outcome.done) setTimeout(() => { if (turn === current) dialog.close(); }, 900);
  };
  $("ask-text").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) dialog.querySelector("form").requestSubmit();
  };
}

// What may be chosen is asked for when the dialog opens.
async function offer(act, isMine, _) {
  show("ask-choice-label", act.choice);
  $("ask-choice").hidden = !act.choice;
  if (!act.choice) return;
  $("ask-choice").replaceChildren();
  $("ask-do").disabled = true;
  let choices = [];
  try {
    choices = await act.choices();
  } catch { /* said below */ }
  if (!isMine()) return;
  $("ask-choice").replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
  $("ask-do").disabled = choices.length === 0;
  if (choices.length === 0) answer(act.none ?? _("The server cannot be reached."), "bad");
}

function show(id, text) {
  $(id).hidden = !text;
  $(id).textContent = text ?? "";
}

function answer(text, tone) {
  const place = $("ask-answer");
  place.hidden = tone === null;
  place.className = `message ${tone ?? ""}`;
  place.textContent = text;
}

async function send(act, given, edges, { text, extra, choice }, language, _) {
  if (act.path) return command(act.path, act.body(given, text), language, _);
  if (act.note) return command(`/api/v1/alarms/${given.alarm}/acknowledge`, act.note(text, extra), language, _);
  if (edges.length === 0) return { done: false, text: _("The edge is not connected: nothing was done.") };
  const asked = act.command(given, text, extra, choice);
  const outcomes = await Promise.all(edges.map((edge) => command("/api/v1/commands", { edge, command: asked }, language, _)));
  const left = edges.filter((edge, index) => !outcomes[index].done);
  if (edges.length === 1 || left.length === 0) return { ...outcomes[0], left };
  const told = edges.map((edge, index) => edge + _(": ") + outcomes[index].text);
  if (left.length < edges.length) told.push(_("Who has done it is not asked again."));
  return { done: false, left, text: told.join("\n") };
}

function edgesOf({ edge, edges = "" }) {
  if (edge) return [edge];
  if (edges !== "every") return edges.split(" ").filter(Boolean);
  return [...new Set([...document.querySelectorAll("#doors [data-edge]")].map((one) => one.dataset.edge))];
}
