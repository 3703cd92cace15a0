// What was typed when the session ended: kept in this tab for its operator, put back at the same address after signing in, and dropped once sent
// or on signing out. Passwords, codes and halves of the recovery secret are never kept; files cannot be.
import { showChanged } from "./conflict.js";
import { cameWith, fill, formOf, isTyped, keyOf, labelOf, same, typedIn } from "./fields.js";

const PREFIX = "menjin.draft.";
const SIGNED_OUT = "menjin.signed-out"; // the session that was left on purpose, for this browser's other tabs
const KEEP_MS = 12 * 3600 * 1000;
const OTHERS_MS = 15 * 60 * 1000; // so long it waits at a shared desk while somebody else works in this tab: it may hold a person's data

const me = () => document.body.dataset.operator ?? "";
const here = () => location.pathname + location.search;
const place = (key) => `${PREFIX}${me()} ${here()} ${key}`;

function typedForms() {
  return [...document.querySelectorAll("form[data-api]")].filter((form) => form.dataset.given !== "up" && isTyped(form));
}

const leftOnPurpose = () => read(localStorage, SIGNED_OUT) === document.body.dataset.session;

// Goes to the sign-in, and from there back here; what is typed is kept, unless one signed out on purpose.
export function signInAgain() {
  if (!leftOnPurpose()) keepTyped("ended");
  for (const form of typedForms()) form.dataset.given = "up";
  location.assign(`/sign-in?ended=1&to=${encodeURIComponent(here())}`);
}

// Loads this page anew; what is typed in its forms is there again. `own`: {api, from, to}, the step that somebody has just made here, from a record's version to the next.
export function comeAnew(own = null) {
  if (!leftOnPurpose()) keepTyped("anew", own);
  for (const form of typedForms()) form.dataset.given = "up";
  location.reload();
}

// Keeps what is typed anywhere on this page. `why`: "ended" the session, or the page comes "anew".
function keepTyped(why, own = null) {
  for (const form of typedForms()) {
    form.dataset.given = "up"; // kept, or not to be: leaving asks nothing
    if ("secret" in form.dataset || form.querySelector("[autocomplete='one-time-code']")) continue; // a half of the recovery secret, a code: on paper only
    const [typed, came] = [typedIn(form), cameWith(form)];
    const values = Object.fromEntries(Object.keys(typed).filter((name) => !same(typed[name], came[name])).map((name) => [name, typed[name]]));
    const labels = Object.fromEntries(Object.keys(values).map((name) => [name, labelOf(form, name)]));
    const files = [...form.querySelectorAll("[type=file]")].some((one) => one.files.length);
    const draft = { why, values, labels, came, files, version: versionOf(form, own), at: Date.now(), key: keyOf(form) };
    try {
      sessionStorage.setItem(place(keyOf(form)), JSON.stringify(draft));
    } catch { /* full, or not allowed: then it is as before */ }
  }
}

// Of which what is typed is a change: one's own step in another form of the same record is no surprise.
function versionOf(form, own) {
  const record = (api) => api.split("/").slice(0, 5).join("/"); // /api/v1/contracts/con_1
  const isOwn = own !== null && own.from === form.dataset.version && record(own.api) === record(form.dataset.api);
  return String((isOwn ? own.to : null) ?? form.dataset.version ?? "");
}

export function dropDraft(form) {
  sessionStorage.removeItem(place(keyOf(form)));
}

// On signing out: nothing of this operator stays in the browser.
export function dropAll() {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(`${PREFIX}${me()} `)) sessionStorage.removeItem(name);
  try { localStorage.setItem(SIGNED_OUT, document.body.dataset.session ?? ""); } catch { /* other tabs may keep a draft, for this operator only */ }
}

// Puts back what this operator typed at this address before the session ended.
export function putBack({ _, send }) {
  const start = place("");
  let first = null;
  for (const name of Object.keys(sessionStorage)) {
    if (!name.startsWith(PREFIX)) continue;
    const draft = parsed(read(sessionStorage, name));
    const keep = name.startsWith(`${PREFIX}${me()} `) ? KEEP_MS : OTHERS_MS;
    if (draft === null || Date.now() - draft.at > keep) sessionStorage.removeItem(name);
    else if (name.startsWith(start)) {
      const field = putOneBack(name, draft, { _, send });
      if (draft.why === "ended") first ??= field;
      else sessionStorage.removeItem(name); // it stands in its form again
    }
  }
  first?.focus();
  document.querySelector(".draft")?.scrollIntoView({ block: "nearest" });
}

function putOneBack(name, draft, { _, send }) {
  const form = formOf(document, draft.key);
  const line = document.createElement("div");
  line.classList.add("message", "wait", "draft");
  line.setAttribute("role", "status");
  const discard = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: _("Discard it") });
  const texts = [];
  const ended = draft.why === "ended";
  if (form === null) texts.push(ended ? _("This was not sent: the session had ended, and the form is no longer on this page. You had typed:") : _("This was not sent, and its form is no longer on this page. You had typed:"), listed(Object.keys(draft.values), draft, _));
  else {
    open(form);
    form.dispatchEvent(new CustomEvent("fill", { detail: draft.values })); // a form with rows makes as many as it had
    const lost = fill(form, draft.values);
    texts.push(ended ? _("This was not sent yet: the session had ended. What you typed is back; look it over and send it.") : _("This was not sent yet. What you typed is still here."));
    if (draft.files) texts.push(_("The file could not be kept: choose it again."));
    if (lost.length) texts.push(_("There is no place any more for:"), listed(lost, draft, _));
  }
  line.append(texts.join(" "), " ", discard);
  discard.addEventListener("click", () => {
    sessionStorage.removeItem(name);
    if (form !== null) form.reset();
    form?.querySelector(".conflict")?.remove();
    line.remove();
  });
  if (form === null) {
    document.querySelector("main").prepend(line);
    line.tabIndex = -1;
    return line;
  }
  const field = [...form.elements].find((one) => one.name in draft.values && !one.disabled);
  (field?.closest("label, fieldset") ?? form.firstElementChild ?? form).before(line); // where one looks: forms are longer than a phone
  const problem = form.querySelector("[data-problem]");
  if (problem && draft.version !== (form.dataset.version ?? "")) showChanged(form, problem, { ...cameWith(form), ...draft.came }, { _, send });
  return field ?? form;
}

// Whatever hides it: a details element, a dialog.
function open(form) {
  for (let part = form; part; part = part.parentElement) {
    if (part.tagName === "DETAILS") part.open = true;
    if (part.tagName === "DIALOG" && !part.open) part.showModal();
  }
}

function listed(names, draft, _) {
  return names.map((name) => (draft.labels[name] ?? name) + _(": ") + draft.values[name].join(_(", "))).join(" · ");
}

function parsed(text) {
  try {
    const draft = JSON.parse(text);
    return draft && typeof draft.values === "object" && typeof draft.came === "object" ? draft : null;
  } catch {
    return null;
  }
}

function read(store, name) {
  try { return store.getItem(name); } catch { return null; }
}
