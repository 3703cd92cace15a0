// The one dialog: a reason for an unlocked door, a note for an alarm; then what became of the command.
const $ = (id) => document.getElementById(id);
const PAUSE_MS = 250;
const LIMIT_MS = 17000; // a command lives 10 s, its answer 5 s more

let current = 0; // the dialog's turn: answers to an earlier one are not shown

export function askFor(button, language, _) {
  const unlocks = button.dataset.act === "unlock";
  const turn = ++current;
  const dialog = $("ask");
  const { door, edge, alarm, about } = button.dataset;
  $("ask-title").textContent = unlocks ? _("Unlock door") : _("Acknowledge alarm");
  $("ask-about").textContent = about;
  $("ask-label").textContent = unlocks ? _("Reason (goes on record)") : _("What did you find? (goes on record)");
  $("ask-do").textContent = unlocks ? _("Unlock now") : _("Acknowledge");
  $("ask-text").value = "";
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
    const outcome = unlocks
      ? await command("/api/v1/commands", { edge, command: { name: "UnlockDoor", door, reason: text } }, language, _)
      : await command(`/api/v1/alarms/${alarm}/acknowledge`, { note: text }, language, _);
    if (turn !== current) return;
    $("ask-do").disabled = outcome.done;
    answer(outcome.text, outcome.done ? "good" : "bad");
    if (outcome.done) setTimeout(() => { if (turn === current) dialog.close(); }, 900);
  };
  $("ask-text").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.querySelector("form").requestSubmit();
  };
}

function answer(text, tone) {
  const place = $("ask-answer");
  place.hidden = tone === null;
  place.className = `message ${tone ?? ""}`;
  place.textContent = text;
}

async function command(path, given, language, _) {
  const sentences = {
    expired: _("The edge did not answer in time. Nobody knows whether it was done: look at the door."),
    no_session: _("The edge is not connected: nothing was done."),
    refused: _("The edge refused."),
    done: _("Done."),
  };
  try {
    const asked = await call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given) });
    if (!asked.ok) return { done: false, text: said(await asked.json(), language) };
    const { command_id: id } = await asked.json();
    const until = Date.now() + LIMIT_MS;
    while (Date.now() < until) {
      const looked = await call(`/live/commands/${id}`, {});
      if (!looked.ok) return { done: false, text: said(await looked.json(), language) };
      const { result, text } = await looked.json();
      if (result !== "waiting") return { done: result === "done", text: text || sentences[result] };
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return { done: false, text: sentences.expired };
  } catch {
    return { done: false, text: _("The server cannot be reached. Nobody knows whether it was done: look at the door.") };
  }
}

function call(path, options) {
  return fetch(path, { ...options, cache: "no-store", signal: AbortSignal.timeout(10000) });
}

function said(problem, language) {
  return language === "en" ? problem.detail : problem.detail_zh;
}
