// Forms that call the API: what was typed stays, what is wrong is said beside its field, what changed meanwhile is shown, and nothing is sent twice.
import { said } from "./commands.js";
import { showConflict } from "./conflict.js";
import { dataUrl } from "./data-url.js";
import { comeAnew, dropAll, dropDraft, putBack, signInAgain } from "./drafts.js";
import { isTyped, labelOf, numberTyped } from "./fields.js";
import { momentAtSite } from "./moments.js";
import { fileProblem, saveFile, sayLimits, upload } from "./upload.js";
import { showBriefly } from "./shown-briefly.js";

const LIMIT_MS = 30000;
const TOLD = "menjin.told"; // what an answer warned of, for the page that follows
const sending = new WeakSet();
const leaving = new WeakSet(); // sent, and the page that follows is on its way: until it is there this one can still be clicked
const keys = new WeakMap(); // form → {address: Idempotency-Key}: one for each filling of a form

// Once per page: every form[data-api] on it, also those that come later.
export function startForms(language, _) {
  const send = (form, submitter) => sendForm(form, submitter, language, _);
  const ours = (form) => form instanceof HTMLFormElement && form.matches("form[data-api]");
  for (const form of document.querySelectorAll("form[data-api]")) form.noValidate = true; // the server's words, in this page's language
  document.addEventListener("click", (event) => { // of one that came later; not at its focus: not every browser gives it to a button that is tapped
    const form = event.target.closest("button")?.form;
    if (ours(form)) form.noValidate = true;
  }, { capture: true });
  document.addEventListener("fresh", () => sayLimits(_));
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[action='/sign-out']")) dropAll();
    if (!ours(event.target)) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });
  window.addEventListener("beforeunload", (event) => {
    const unsent = [...document.querySelectorAll("form[data-api]")].some((form) => form.dataset.given !== "up" && isTyped(form));
    if (unsent) event.preventDefault();
  });
  sayLimits(_);
  sayTold();
  putBack({ _, send });
  const early = window.earlyForms;
  window.earlyForms = null;
  for (const [form, submitter] of early ?? []) send(form, submitter);
}

// Sends it. A bubbling, cancelable "sent" {told, submitter} tells what the server answered, "refused" {told} what it refused: who cancels it has shown it.
// Who cancels "sent" may set `until` on its detail, a promise: nothing more is sent from the form before that.
export async function sendForm(form, submitter, language, _) {
  if (sending.has(form) || leaving.has(form)) return undefined;
  const place = problemPlace(form);
  clear(form, place);
  if (!complete(form, place, _)) return undefined;
  sending.add(form);
  form.setAttribute("aria-busy", "true"); // a list that stays fresh leaves it where it is
  const buttons = [...form.querySelectorAll("button:not(:disabled)")];
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await ask(form, submitter, _);
    if (answer.status === 401) return signInAgain();
    if (answer.ok) return await done(form, submitter, answer, language);
    if (answer.status === 412) {
      return await showConflict(form, place, { _, send: (one) => sendForm(one, submitter, language, _), signIn: signInAgain });
    }
    const told = await answer.json().catch(() => ({}));
    if (!form.dispatchEvent(new CustomEvent("refused", { bubbles: true, cancelable: true, detail: { told, submitter } }))) return undefined;
    if (told.code === "idempotency_key_reused") {
      keys.delete(form);
      return complain(form, place, _("What you sent first did arrive, and was taken. Show the page anew before you send something else."), null);
    }
    const text = said(told, language) ?? _("The server answered {status}. Try again; if it stays, call whoever runs the server.").replace("{status}", answer.status);
    for (const more of form.querySelectorAll(`[data-when="${CSS.escape(told.code ?? "")}"]`)) more.hidden = more.disabled = false; // what this refusal asks for
    return complain(form, place, text, told.field);
  } catch {
    return complain(form, place, unreached(form, _), null);
  } finally {
    sending.delete(form);
    if (!leaving.has(form)) {
      form.removeAttribute("aria-busy");
      for (const button of buttons) button.disabled = false;
    }
  }
}

function unreached(form, _) {
  const repeatable = (form.dataset.method || "POST") === "POST" ? "secret" in form.dataset === false : "version" in form.dataset;
  if (repeatable) return _("The server cannot be reached. What you typed is still here: send it again in a moment. Even if it did arrive, it counts once.");
  return _("The server cannot be reached: nobody knows whether it arrived. What you typed is still here; look before you send it again.");
}

async function ask(form, submitter, _) {
  const url = submitter?.dataset.api || form.dataset.api;
  const method = form.dataset.method || "POST";
  const headers = {};
  if (form.dataset.version) headers["If-Match"] = `"${form.dataset.version}"`;
  const file = form.querySelector("input[type=file]")?.files[0];
  headers["Content-Type"] = file ? form.dataset.contentType || file.type || "application/octet-stream" : "application/json";
  const body = file ?? JSON.stringify(valuesOf(form, submitter));
  const sent = (more) => {
    const request = { method, headers: { ...headers, ...more }, body };
    return file ? upload(form, url, request, _) : fetch(url, { ...request, cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
  };
  if (method !== "POST" || "secret" in form.dataset) return sent({}); // data-secret: the answer is not kept for a repetition
  const own = keys.get(form) ?? {};
  keys.set(form, own);
  own[url] ??= crypto.randomUUID();
  const answer = await sent({ "Idempotency-Key": own[url] });
  if (answer.status !== 400 || (await answer.clone().json()).code !== "idempotency_key_refused") return answer;
  form.dataset.secret = "";
  return sent({});
}

// Names with dots are objects in objects; what is empty is left out, or null with data-empty="null"; data-as says what a value is.
function valuesOf(form, submitter) {
  const values = {};
  for (const field of form.elements) {
    if (!field.name || (field.tagName === "BUTTON" ? field !== submitter : field.disabled)) continue; // while it is sent the button that was pressed is disabled
    if (field.matches("[type=checkbox], [type=radio]") && !field.checked) continue;
    const value = valueOf(field);
    if (value === "" && field.dataset.empty !== "null") continue;
    const path = field.name.split(".");
    const last = path.pop();
    const inner = path.reduce((object, key) => (object[key] ??= {}), values);
    if (field.dataset.as === "list") (inner[last] ??= []).push(value);
    else inner[last] = value === "" ? null : value;
  }
  for (const name of form.dataset.lists?.split(" ") ?? []) values[name] ??= []; // none ticked is an empty list, not "as it was"
  for (const name of form.dataset.rows?.split(" ") ?? []) values[name] = Object.values(values[name] ?? {}); // `lines.0.model` … are the fields of a list's rows
  return "wrap" in form.dataset ? wrapped(form, values) : values;
}

function valueOf(field) {
  const text = field.value.trim();
  const { as } = field.dataset;
  if (as === "bool") return field.type === "checkbox" || text === "true";
  if (as === "number") return numberTyped(text);
  if (as === "moment") return momentAtSite(text, document.body.dataset.zone); // of a datetime-local field
  if (as === "words") return text.split(/[,，、;；\n]+/).map((one) => one.trim()).filter(Boolean);
  return text;
}

// A handover's explanations: item → text becomes the list that the API takes.
function wrapped(form, values) {
  const said = Object.entries(values.item ?? {}).map(([item, text]) => ({ items: [Number(item)], text }));
  return { [form.dataset.wrap]: said };
}

async function done(form, submitter, answer, language) {
  keys.delete(form);
  dropDraft(form);
  if ("file" in form.dataset) {
    await saveFile(answer);
    return form.reset();
  }
  if ("image" in form.dataset) {
    const image = form.parentElement.querySelector("img");
    image.src = await dataUrl(await answer.blob());
    image.hidden = false;
    form.hidden = true;
    showBriefly(form, () => {
      image.removeAttribute("src");
      image.hidden = true;
      form.hidden = false;
    });
    return form.reset();
  }
  const told = await answer.json().catch(() => null);
  const detail = { told, submitter };
  if (!form.dispatchEvent(new CustomEvent("sent", { bubbles: true, cancelable: true, detail }))) return detail.until;
  leaving.add(form);
  form.dataset.given = "up";
  const warned = (told?.warnings ?? []).map((one) => `${labelOf(form, one.field)}: ${said(one, language)}`);
  if (warned.length) sessionStorage.setItem(TOLD, JSON.stringify(warned));
  if (!form.dataset.then) return comeAnew({ api: form.dataset.api, from: form.dataset.version, to: told?.version });
  return location.assign(form.dataset.then.replace(/\{(\w+)\}/g, (_whole, name) => encodeURIComponent(told?.[name] ?? "")));
}

// What was taken although it looks wrong is said on the page that follows.
function sayTold() {
  const warned = JSON.parse(sessionStorage.getItem(TOLD) ?? "[]");
  sessionStorage.removeItem(TOLD);
  for (const text of warned) {
    const line = Object.assign(document.createElement("p"), { className: "message wait", textContent: text });
    line.setAttribute("role", "status");
    document.querySelector("main").prepend(line);
  }
}

// -- what is wrong, and where

function problemPlace(form) {
  const found = form.querySelector("[data-problem]");
  if (found) return found;
  const made = Object.assign(document.createElement("p"), { className: "message bad", hidden: true });
  made.dataset.problem = "";
  made.setAttribute("role", "alert");
  form.append(made);
  return made;
}

function clear(form, place) {
  for (const note of form.querySelectorAll(".field-problem, .conflict")) {
    const field = form.querySelector(`[aria-describedby~="${note.id}"]`);
    if (note.id && field) describe(field, note.id, false);
    note.remove();
  }
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  place.hidden = true;
}

function complete(form, place, _) {
  const fields = [...form.elements].filter((one) => !one.closest("[hidden]") && !one.disabled);
  const gaps = fields.filter((one) => one.required && (one.type === "checkbox" ? !one.checked : !one.value.trim()));
  const odd = fields.filter((one) => !gaps.includes(one) && one.validity && !one.validity.valid && !one.validity.valueMissing);
  const files = fields.filter((one) => one.type === "file").map((one) => [one, fileProblem(one, _)]).filter(([, text]) => text);
  for (const one of gaps) mark(one, _("This is still to be filled in."));
  for (const [one, text] of files) mark(one, text);
  for (const one of odd) mark(one, one.validity.tooShort ? _("At least {count} characters.").replace("{count}", one.minLength) : one.title || _("This cannot be so: look at it again."));
  const wrong = [...gaps, ...odd, ...files.map(([one]) => one)];
  if (!wrong.length) return true;
  place.textContent = wrong.length > 1 ? _("{count} fields need another look: nothing was sent.").replace("{count}", wrong.length) : _("One field needs another look: nothing was sent.");
  place.hidden = false;
  wrong[0].focus();
  return false;
}

function complain(form, place, text, name) {
  form.dataset.refused = Date.now();
  place.textContent = text;
  place.hidden = false;
  const field = name ? fieldNamed(form, name) : null;
  if (field) {
    mark(field, text);
    for (let part = field.parentElement; part && part !== form; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
    field.focus();
  } else place.scrollIntoView({ block: "nearest" });
}

// The server names `lines.2.serials`: the field of that name, else the nearest one above or below it.
function fieldNamed(form, name) {
  const fields = [...form.elements].filter((one) => one.name && one.type !== "hidden" && one.tagName !== "BUTTON");
  const exact = fields.find((one) => one.name === name);
  if (exact) return exact;
  const parts = name.split(".");
  for (let length = parts.length; length > 0; length -= 1) {
    const start = parts.slice(0, length).join(".");
    const near = fields.find((one) => one.name === start || one.name.startsWith(`${start}.`));
    if (near) return near;
  }
  return null;
}

let marks = 0;

function mark(field, text) {
  const note = Object.assign(document.createElement("span"), { className: "field-problem", textContent: text, id: `field-problem-${(marks += 1)}` });
  const beside = field.matches("[type=checkbox], [type=radio]") ? field.closest("label") ?? field : field;
  beside.insertAdjacentElement("afterend", note);
  field.setAttribute("aria-invalid", "true");
  describe(field, note.id, true);
}

function describe(field, id, on) {
  const ids = (field.getAttribute("aria-describedby") ?? "").split(/\s+/).filter((one) => one && one !== id);
  if (on) ids.push(id);
  if (ids.length) field.setAttribute("aria-describedby", ids.join(" "));
  else field.removeAttribute("aria-describedby");
}
