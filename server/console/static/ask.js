// The one dialog: what an operator asks of the edges, why, and what became of it.
import { command } from "./commands.js";

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
  count: (_, { numbers }) => ({
    title: _("Count of persons"), label: _("Who counted, and why (goes on record)"), does: _("This is who is inside"),
    hint: _("Whoever is not named here counts as gone from the area and all inside it."),
    extra: _("Badge numbers found, and +2 for two persons without a badge"), given: numbers,
    command: ({ area }, reason, extra) => ({ name: "ReconcileOccupancy", area, reason, ...counted(extra) }),
  }),
};

export const ACT_NAMES = Object.keys(ACTS);

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
  $("ask-title").textContent = act.title;
  $("ask-about").textContent = given.about;
  $("ask-label").textContent = act.label;
  $("ask-do").textContent = act.does;
  $("ask-text").value = "";
  show("ask-hint", act.hint);
  show("ask-extra-label", act.extra);
  $("ask-extra").hidden = !act.extra;
  $("ask-extra").value = act.given ?? "";
  answer("", null);
  $("ask-do").disabled = false;
  dialog.showModal();
  $("ask-text").focus();
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    const text = $("ask-text").value.trim();
    if (!text) {
      answer(_("Write a few words first."), "bad");
      $("ask-text").focus();
      return;
    }
    $("ask-do").disabled = true;
    answer(_("Sent. Waiting for the edge …"), "wait");
    const outcome = await send(act, given, text, $("ask-extra").value.trim(), language, _);
    if (turn !== current) return;
    $("ask-do").disabled = outcome.done;
    answer(outcome.text, outcome.done ? "good" : "bad");
    if (outcome.done) setTimeout(() => { if (turn === current) dialog.close(); }, 900);
  };
  $("ask-text").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.querySelector("form").requestSubmit();
  };
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

async function send(act, given, text, extra, language, _) {
  if (act.path) return command(act.path, act.body(given, text), language, _);
  if (act.note) return command(`/api/v1/alarms/${given.alarm}/acknowledge`, act.note(text, extra), language, _);
  const edges = edgesOf(given);
  if (edges.length === 0) return { done: false, text: _("The edge is not connected: nothing was done.") };
  const asked = act.command(given, text, extra);
  const outcomes = await Promise.all(edges.map((edge) => command("/api/v1/commands", { edge, command: asked }, language, _)));
  const failed = outcomes.findIndex((outcome) => !outcome.done);
  if (failed < 0) return outcomes[0];
  return { done: false, text: edges.length > 1 ? `${edges[failed]}: ${outcomes[failed].text}` : outcomes[failed].text };
}

function edgesOf({ edge, edges }) {
  if (edge) return [edge];
  if (edges !== "every") return edges.split(" ").filter(Boolean);
  return [...new Set([...document.querySelectorAll("#doors [data-edge]")].map((one) => one.dataset.edge))];
}
