// The pages of badges and applications: choices of a new application, papers sent at once, recorded looks, the card that is written at a desk.
import { call, said } from "./commands.js";
import { dataUrl } from "./data-url.js";
import { sendForm } from "./forms.js";
import { showBriefly } from "./shown-briefly.js";
import { openScanned } from "./scanned.js";

const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const $ = (id) => document.getElementById(id);
const REACH_MS = 2000;
const ENCODE_MS = 600;

// -- a new application: only what is asked for is there, and is sent

const apply = $("apply");

function offer(part, on) {
  part.hidden = !on;
  for (const field of part.querySelectorAll("input, select")) field.disabled = !on; // each: forms.js asks the fields, not their fieldset
}

function choose() {
  const kind = apply.elements.kind.value;
  for (const part of document.querySelectorAll("[data-when]")) offer(part, part.dataset.when === kind);
  if ($("person")) offer($("person"), $("somebody-new").checked);
}

apply?.addEventListener("change", (event) => {
  if (event.target.name === "replaces" && apply.elements.kind.value === "reissue") {
    const holder = apply.querySelector(`#who input[value="${CSS.escape(event.target.dataset.holder)}"]`);
    if (holder) holder.checked = true; // after a loss it is for the same person, unless somebody says otherwise
  }
  choose();
  if (event.target.id === "somebody-new") apply.elements["person.name"].focus();
});
apply?.addEventListener("reset", () => setTimeout(choose));
if (apply) choose();

// -- papers: a chosen file is sent at once, and the page comes anew

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form && event.target.type === "file" && event.target.files.length) sendForm(form, null, language, _);
});

// -- recorded looks (C4): one press is one look, and what it shows is hidden again

const looking = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-look], [data-look-fields]")) return;
  event.preventDefault();
  const place = form.querySelector("[data-problem]");
  place.hidden = true;
  const fields = [...form.querySelectorAll("[name=fields]")].filter((one) => one.type === "hidden" || one.checked).map((one) => one.value);
  const reason = form.elements.reason.value.trim();
  if (form.dataset.lookFields && !fields.length) return tell(place, _("Choose what you want to see."));
  if (!reason) return tell(place, _("Write a few words first."), form.elements.reason);
  if (looking.has(form)) return undefined;
  looking.add(form);
  try {
    const body = JSON.stringify(form.dataset.look ? { reason } : { fields, reason });
    const answer = await call(form.dataset.look ?? form.dataset.lookFields, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (answer.status === 401) return location.assign(`/sign-in?ended=1&to=${encodeURIComponent(location.pathname)}`);
    if (!answer.ok) {
      const told = await answer.json();
      return tell(place, said(told, language), told.field === "reason" ? form.elements.reason : null);
    }
    if (form.dataset.look) await showFile(form, await answer.blob());
    else showFields(form, await answer.json());
    form.elements.reason.value = "";
  } catch {
    tell(place, _("The server cannot be reached. Try again."));
  } finally {
    looking.delete(form);
  }
  return undefined;
});
for (const form of document.querySelectorAll("form[data-look], form[data-look-fields]")) form.noValidate = true;

function tell(place, text, field = null) {
  place.textContent = text;
  place.hidden = false;
  field?.focus();
}

async function showFile(form, blob) {
  const [image, link] = [form.parentElement.querySelector("img"), form.parentElement.querySelector("a")];
  const address = await dataUrl(blob);
  form.hidden = true;
  showBriefly(form, () => {
    image.removeAttribute("src");
    link.removeAttribute("href");
    image.hidden = link.hidden = true;
    form.hidden = false;
  });
  if (blob.type.startsWith("image/")) {
    image.src = address;
    image.hidden = false;
    return;
  }
  link.href = address;
  link.download = `${image.alt}.pdf`;
  link.textContent = _("Save the PDF to look at it");
  link.hidden = false;
  link.focus();
}

function showFields(form, told) {
  const place = form.querySelector("[data-clear]");
  place.textContent = Object.values(told).filter(Boolean).join(" · ") || _("Nothing of it is on file.");
  place.hidden = false;
  showBriefly(form, () => {
    place.textContent = "";
    place.hidden = true;
  });
}

// -- the card at the desk: asked, waits for a card, done or not; what the page says is what the desk has said

document.addEventListener("sent", (event) => {
  if (event.target.id !== "encode") return;
  event.preventDefault();
  event.detail.until = follow(event.detail.told.command_id);
});

async function follow(command) {
  const [box, told, hint, button] = [$("writing"), $("writing-told"), $("writing-hint"), document.querySelector("[data-act=encode]")];
  const show = (state, text, more = "") => {
    const appears = box.hidden;
    box.hidden = false;
    if (appears) box.scrollIntoView({ block: "center" }); // else what to do stands below the window's edge
    box.dataset.state = state;
    if (told.textContent !== text) told.textContent = text;
    hint.textContent = more;
  };
  show("asked", _("The desk is asked …"));
  button.disabled = true;
  for (;;) {
    let one;
    try {
      const answer = await call(`/badges/encodings/${encodeURIComponent(command)}`, {});
      if (answer.status === 401) return location.assign(`/sign-in?ended=1&to=${encodeURIComponent(location.pathname)}`);
      one = answer.ok ? await answer.json() : null;
    } catch {
      one = null;
    }
    if (one === null) show("lost", _("The server cannot be reached. The desk goes on by itself; this page asks again."));
    else if (one.state === "card") {
      const left = _("Leave it there until this page says that it is done. {seconds} s left.").replace("{seconds}", one.left_s);
      show("card", _("Lay a blank card on the reader of {desk} now.").replace("{desk}", one.desk), left);
    }
    if (one?.state === "done") {
      show("done", _("Done: the card carries the number {number}.").replace("{number}", one.number), _("Take it off the reader."));
      setTimeout(() => location.reload(), 1500);
      return new Promise(() => {}); // until then nothing is written
    }
    if (one !== null && one.state !== "card" && one.state !== "asked") {
      button.disabled = false;
      show(one.state, ending(one));
      const again = await proposed();
      if (again && $("encode").elements.number.value === one.number) $("encode").elements.number.value = again;
      hint.textContent = again ? _("Try again with the number that stands there now.") : "";
      return undefined;
    }
    await new Promise((resolve) => { setTimeout(resolve, ENCODE_MS); });
  }
}

function ending(one) {
  if (one.state === "refused") return one.text || _("The desk refused.");
  if (one.state === "no_session") return _("The desk is not connected: nothing was written. Look whether its computer is on.");
  if (one.state === "not_bound") return _("The card was written, but the badge could not be bound to it: that card opens nothing. Keep it apart.");
  return _("The desk has not answered: a card may have been written all the same. Keep that card apart, and take another.");
}

// The page as it is now proposes a number: the same where nothing was written, a fresh one where something may have been.
async function proposed() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.querySelector("#encode [name=number]")?.value ?? null;
  } catch {
    return null;
  }
}

if ($("writing")?.dataset.command) follow($("writing").dataset.command);

// -- where a change is in force: asked for again and again until it is everywhere

setInterval(async () => {
  const reach = document.querySelector("#reach[data-moving]");
  if (!reach || document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("reach");
    if (fresh && fresh.innerHTML !== reach.innerHTML) reach.replaceWith(fresh);
  } catch { /* the page's own watch says that the connection is lost */ }
}, REACH_MS);

// -- small things

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=print]")) window.print();
  event.target.closest("input[data-key]")?.focus(); // a key clicks
});

document.addEventListener("scan", (event) => {
  if (!$("search")) return;
  event.preventDefault();
  openScanned(event.detail.text);
});
