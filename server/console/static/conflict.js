// Somebody changed the record meanwhile (412): the page is fetched again, and both versions stand side by side. Nothing typed is lost.
import { cameWith, comeWith, fill, formOf, keyOf, labelOf, same, shownAs, typedIn } from "./fields.js";

const LIMIT_MS = 15000;

// The page as it is now; null when the session is over. Throws when the server cannot be reached.
async function pageNow() {
  const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(LIMIT_MS) });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") return null;
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Shows both versions below `place`. `send(form)` sends again; `signIn()` when the session is over meanwhile.
export async function showConflict(form, place, { _, send, signIn }) {
  let page;
  try {
    page = await pageNow();
  } catch {
    say(place, _("Somebody changed this meanwhile, and what it is now cannot be read: the server cannot be reached. What you typed is still here."));
    return;
  }
  if (page === null) return signIn();
  const twin = formOf(page, keyOf(form));
  compare(form, place, twin, page, cameWith(form), { _, send });
}

// The same for a draft that comes back to a page that has changed. `before`: what stood when it was typed.
export function showChanged(form, place, before, { _, send }) {
  compare(form, place, form, document, before, { _, send });
}

function compare(form, place, twin, page, before, { _, send }) {
  const typed = typedIn(form);
  const nowIs = _("It is now:");
  form.querySelector(".conflict")?.remove();
  const box = make("div", "conflict");
  box.tabIndex = -1;
  if (twin === null) {
    say(place, _("Somebody changed this meanwhile, and this step is over."));
    box.append(make("p", "", `${nowIs} ${headingOf(page) || "—"}`));
    box.append(table(form, Object.keys(typed).filter((name) => !same(typed[name], before[name])), [[_("What you typed"), typed]], _));
    box.append(buttons([_("Show the page as it is now"), "main", () => { form.dataset.given = "up"; location.reload(); }]));
    place.after(box);
    box.focus();
    return;
  }
  const now = cameWith(twin);
  const names = [...new Set([...Object.keys(typed), ...Object.keys(now)])];
  const differ = names.filter((name) => !(same(typed[name], now[name]) && same(before[name], now[name])));
  const mine = differ.filter((name) => !same(typed[name], before[name]));
  say(place, _("Somebody changed this meanwhile. Nothing was sent, and nothing that you typed is lost."));
  const heading = headingOf(page);
  if (heading && heading !== headingOf(document)) box.append(make("p", "", `${nowIs} ${heading}`));
  if (differ.length) {
    const columns = [[_("What you typed"), typed], [_("What it says now"), now], [_("When you opened it"), before]];
    box.append(table(form, differ, columns, _, (name) => (mine.includes(name) ? "" : _("not touched by you: what stands now stays"))));
  } else box.append(make("p", "", _("The change concerns nothing that this form says.")));
  const settle = (values) => {
    form.dataset.version = twin.dataset.version ?? form.dataset.version;
    form.dispatchEvent(new CustomEvent("fill", { detail: values })); // a form with rows makes as many as there are by now
    if (twin !== form) comeWith(form, twin);
    fill(form, values);
    form.dispatchEvent(new CustomEvent("filled", { detail: values })); // and no more
    box.remove();
    place.hidden = true;
  };
  const ours = () => { // as it is when it is sent: one may go on typing beside the table
    const last = typedIn(form);
    return Object.fromEntries(names.map((name) => [name, (same(last[name], before[name]) ? now[name] : last[name]) ?? []])); // of a row that is gone on one side: nothing
  };
  box.append(buttons(
    [_("Send mine all the same"), "main", () => { settle(ours()); send(form); }],
    [_("Take what stands now"), "other", () => { settle(Object.fromEntries(names.map((name) => [name, now[name] ?? []]))); form.querySelector("input, textarea, select")?.focus(); }],
  ));
  place.after(box);
  box.focus();
}

function headingOf(page) {
  return page.querySelector("main h1")?.textContent.replace(/\s+/g, " ").trim() ?? "";
}

function table(form, names, columns, _, remark = () => "") {
  const sheet = document.createElement("table");
  const head = sheet.createTHead().insertRow();
  for (const text of [_("Field"), ...columns.map(([title]) => title)]) head.append(Object.assign(document.createElement("th"), { textContent: text, scope: "col" }));
  const body = sheet.createTBody();
  for (const name of names) {
    const row = body.insertRow();
    const label = Object.assign(document.createElement("th"), { textContent: labelOf(form, name), scope: "row" });
    if (remark(name)) label.append(make("small", "", remark(name)));
    row.append(label);
    for (const [title, values] of columns) {
      const cell = row.insertCell();
      cell.dataset.title = title;
      cell.textContent = shownAs(form, name, values[name]);
    }
  }
  const frame = make("div", "sheet-table");
  frame.append(sheet);
  return frame;
}

function buttons(...all) {
  const row = make("div", "acts");
  for (const [text, tone, act] of all) {
    const button = make("button", `act ${tone}`, text);
    button.type = "button";
    button.addEventListener("click", act);
    row.append(button);
  }
  return row;
}

function make(tag, className, text = "") {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function say(place, text) {
  place.textContent = text;
  place.hidden = false;
}
