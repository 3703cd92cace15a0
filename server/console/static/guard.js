// What waits for the guard at a door: the word on a person, equipment where no scanner works, and what left unchecked.
import { call, command } from "./commands.js";
import { tellOutcome } from "./outcomes.js";
import { Photos } from "./photos.js";

const $ = (id) => document.getElementById(id);
const photos = new Photos(); // by attachment
let turn = 0; // the dialog's: answers to an earlier one are not shown

export const GUARD_ACTS = ["accept", "check", "attest"];

export function guardAct(button, language, _) {
  if (button.dataset.act === "accept") accept(button, language, _);
  else if (button.dataset.act === "check") openCheck(button.dataset, language, _);
  else openAttest(button.dataset, language, _);
}

// -- photos: each is a recorded look (C4), asked for once, by who may say the word

export function showPhotos(_) {
  for (const image of document.querySelectorAll("img[data-photo]")) {
    const id = image.dataset.photo;
    const shown = photos.of(id);
    if (shown) {
      image.src = shown;
      image.hidden = false;
      image.nextElementSibling.hidden = true;
    } else if (shown === undefined) fetchPhoto(id, image.dataset.where, _);
    else if (shown === "") image.nextElementSibling.lastChild.textContent = _("The photo cannot be shown.");
  }
}

function fetchPhoto(id, where, _) {
  if (!document.body.dataset.may.split(" ").includes("holder.confirm")) return;
  const why = _("Guard compares the holder at a door");
  const body = JSON.stringify({ reason: `${why}: ${where}` });
  const look = () => call(`/api/v1/attachments/${id}/look`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  photos.fetch(id, look, () => showPhotos(_));
}

async function accept(button, language, _) {
  const { point, number } = button.dataset;
  button.disabled = true;
  const outcome = await command("/api/v1/holder-confirmations", { access_point: point, number, accepted: true }, language, _);
  button.disabled = false;
  const accepted = _("Accepted.");
  tellOutcome(number + _(": ") + (outcome.done ? accepted : outcome.text), outcome.done ? "good" : "bad", _);
}

// -- lines of devices: Enter goes to the next, an empty line is no device

function lines(list, fields, done) {
  list.replaceChildren();
  const add = () => {
    const row = document.createElement("li");
    for (const { name, label, wide } of fields) {
      const input = document.createElement("input");
      Object.assign(input, { className: "form-control scan", maxLength: 100, autocomplete: "off", spellcheck: false, placeholder: label });
      input.dataset.field = name;
      input.dataset.scanField = ""; // a scanner types here, and its Enter goes to the next line
      input.setAttribute("aria-label", `${label} ${list.children.length + 1}`);
      if (wide) input.classList.add("wide");
      row.append(input);
    }
    const told = document.createElement("span");
    told.className = "told";
    row.append(told);
    list.append(row);
    return row;
  };
  list.onkeydown = (event) => {
    if (event.key !== "Enter" || event.isComposing || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const row = event.target.closest("li");
    if (!event.target.value.trim() && row === list.lastElementChild) done().focus();
    else (row.nextElementSibling ?? add()).querySelector("input").focus();
  };
  add();
  return add;
}

function valuesOf(list) {
  return [...list.children].map((row) => {
    const values = Object.fromEntries([...row.querySelectorAll("input")].map((input) => [input.dataset.field, input.value.trim()]));
    return { row, values };
  }).filter(({ values }) => Object.values(values).some(Boolean));
}

function show(id, text, tone) {
  const place = $(id);
  place.hidden = !text;
  place.textContent = text ?? "";
  place.className = `message ${tone ?? ""}`;
}

// -- a check without a scanner

function openCheck({ point, about }, language, _) {
  const dialog = $("check");
  const mine = ++turn;
  $("check-about").textContent = about;
  $("check-code").value = "";
  $("check-code").removeAttribute("aria-invalid");
  if (point) $("check-point").value = point;
  $("check-do").disabled = false;
  show("check-answer", "");
  lines($("check-items"), [{ name: "serial", label: _("Device"), wide: true }], () => $("check-do"));
  dialog.showModal();
  $("check-code").focus();
  $("check-code").onkeydown = (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if ($("check-code").value.trim()) $("check-items").querySelector("input").focus();
  };
  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    const code = $("check-code").value.trim();
    if (!code) {
      show("check-answer", _("Scan or type the code first."), "bad");
      $("check-code").focus();
      return;
    }
    const found = valuesOf($("check-items"));
    $("check-do").disabled = true;
    show("check-answer", _("Sent. Waiting for the edge …"), "wait");
    for (const { row } of found) tell(row, "", null);
    const given = { access_point: $("check-point").value, code, items: found.map(({ values }) => values.serial) };
    const outcome = await command("/api/v1/equipment-checks", given, language, _);
    const answers = outcome.done ? await answersOf(outcome.id) : null;
    const judged = answers?.length === found.length ? answers : null; // else nobody knows which answer is of which device
    if (mine !== turn) return;
    $("check-do").disabled = false;
    $("check-code").toggleAttribute("aria-invalid", !outcome.done);
    found.forEach(({ row }, index) => tell(row, ...sentence(judged?.[index], _)));
    const refused = judged?.filter((one) => !one.accepted).length;
    if (!outcome.done) show("check-answer", outcome.text, "bad");
    else if (!judged) show("check-answer", _("The edge has judged the devices, but what it said to each cannot be read: look at the events before anything passes."), "bad");
    else if (refused) show("check-answer", _("{count} devices refused: they must not pass. The others count.").replace("{count}", refused), "bad");
    else show("check-answer", _("All accepted. The door says what comes next: a tap of the carrier, or it opens."), "good");
  };
}

async function answersOf(id) {
  try {
    const answer = await call(`/live/checks/${id}`, {});
    return answer.ok ? (await answer.json()).lines : null;
  } catch {
    return null;
  }
}

function sentence(answer, _) {
  if (!answer) return ["", null];
  const accepted = _("Accepted.");
  return answer.accepted ? [`✓ ${answer.model || accepted}`, "good"] : [`✗ ${answer.text}`, "bad"];
}

function tell(row, text, tone) {
  const told = row.querySelector(".told");
  told.textContent = text;
  told.className = `told ${tone ?? ""}`;
}

// -- what left unchecked

function openAttest({ alarm, openings, about }, language, _) {
  const dialog = $("attest");
  const form = dialog.querySelector("form");
  const mine = ++turn;
  $("attest-about").textContent = about;
  $("attest-openings").textContent = _("Openings until now: {count}. Your word covers all of them; if it opens again meanwhile, you are asked anew.").replace("{count}", openings);
  $("attest-note").value = "";
  form.elements.namedItem("outcome").forEach((choice) => { choice.checked = false; });
  $("attest-devices").hidden = true;
  $("attest-do").disabled = false;
  show("attest-answer", "");
  const fields = [{ name: "serial", label: _("Serial number"), wide: true }, { name: "model", label: _("Model") }, { name: "slip", label: _("Slip") }];
  lines($("attest-items"), fields, () => $("attest-note"));
  form.onchange = () => { $("attest-devices").hidden = ["", "nothing_left"].includes(form.elements.namedItem("outcome").value); };
  dialog.showModal();
  form.querySelector("input").focus();
  form.onsubmit = async (event) => {
    event.preventDefault();
    const outcome = form.elements.namedItem("outcome").value;
    const note = $("attest-note").value.trim();
    const devices = outcome === "nothing_left" ? [] : valuesOf($("attest-items")).map(({ values }) => values);
    if (!outcome) return missing(_("Say what you found: one of the three."), form.querySelector("input"));
    if (outcome !== "nothing_left" && devices.length === 0) return missing(_("Name the devices: serial number or model."), $("attest-items").querySelector("input"));
    if (!note) return missing(_("Write a few words first."), $("attest-note"));
    $("attest-do").disabled = true;
    show("attest-answer", _("Sent. Waiting for the edge …"), "wait");
    const given = { alarm: Number(alarm), outcome, devices, note, openings: Number(openings) };
    const answer = await command("/api/v1/equipment-attestations", given, language, _);
    if (mine !== turn) return undefined;
    $("attest-do").disabled = answer.done;
    show("attest-answer", answer.text, answer.done ? "good" : "bad");
    if (answer.done) setTimeout(() => { if (mine === turn) dialog.close(); }, 900);
    return undefined;
  };
}

function missing(text, place) {
  show("attest-answer", text, "bad");
  place.focus();
}

