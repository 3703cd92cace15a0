// Lists that stay fresh: every [data-fresh] is fetched again with its page and swapped where nobody is at work in it. The page says as of when they all are,
// and if one is older: because it could not be fetched, or has changed while somebody works in it.
import { comeAnew } from "./drafts.js";
import { showMarks } from "./marks.js";
import { settle } from "./settle.js";

const EVERY_MS = 15000;
const LIMIT_MS = 10000;
const READ_MS = 60000; // so long a refusal stays to be read

const asSent = new WeakMap(); // part → as the server sent it: what is typed, opened and said in it changes it
for (const part of document.querySelectorAll("[data-fresh]")) asSent.set(part, part.outerHTML);

export function keepFresh(_) {
  if (!document.querySelector("[data-fresh]")) return;
  let askedAt = Date.now();
  let asking = false;
  let again = false; // a change was heard of while it was asked: the answer may be from before

  async function refresh() {
    if (asking) again = true;
    if (asking || document.hidden) return;
    asking = true;
    askedAt = Date.now();
    const asOf = document.getElementById("as-of");
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(LIMIT_MS), headers: { "X-Refresh": "1" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      showMarks(fresh);
      if (swap(fresh)) {
        say("wait", _("This has changed meanwhile, and stays as it was while you work in it. {asof}").replace("{asof}", asOf.textContent), [_("Show it now"), () => comeAnew()]);
      } else {
        asOf.replaceWith(fresh.getElementById("as-of"));
        document.getElementById("old").hidden = true;
      }
    } catch {
      say("bad", _("This page could not be refreshed: what it shows is old. {asof}").replace("{asof}", asOf.textContent));
    } finally {
      asking = false;
    }
    if (!again) return;
    again = false;
    refresh();
  }

  setInterval(() => { if (Date.now() - askedAt >= EVERY_MS) refresh(); }, 1000);
  document.addEventListener("visibilitychange", () => { if (Date.now() - askedAt >= EVERY_MS) refresh(); });
  document.addEventListener("refresh", refresh); // from a page that has heard of a change and need not wait
}

function say(tone, text, act = null) {
  const place = document.getElementById("old");
  place.hidden = false;
  if (place.dataset.says === text) return;
  place.dataset.says = text;
  place.className = `banner ${tone}`;
  place.replaceChildren(text);
  if (act === null) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: act[0] });
  button.addEventListener("click", act[1]);
  place.append(" ", button);
}

// Puts what has changed in place; true when something that has changed was left as it was.
function swap(fresh) {
  let held = false;
  settle(() => {
    for (const now of document.querySelectorAll("[data-fresh]")) {
      const then = fresh.getElementById(now.id);
      if (!then || asSent.get(now) === then.outerHTML) continue;
      if (inUse(now)) held = true;
      else put(then, now);
    }
  });
  return held;
}

function put(then, now) {
  asSent.set(then, then.outerHTML);
  const scrolled = parts(now).map((one) => [one.scrollTop, one.scrollLeft]);
  const twin = now.contains(document.activeElement) ? twinOf(document.activeElement, then) : null;
  now.replaceWith(then);
  parts(then).forEach((one, index) => [one.scrollTop, one.scrollLeft] = scrolled[index] ?? [0, 0]);
  twin?.focus({ preventScroll: true });
  then.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
}

// What may scroll inside itself.
const parts = (part) => [part, ...part.querySelectorAll(".sheet-table")];

// The link or button that does the same for the same.
function twinOf(one, then) {
  const whatItIs = (any) => JSON.stringify([any.dataset.act, any.getAttribute("href"), any.form?.dataset.api, any.closest("[id]").id]);
  return [...then.querySelectorAll(one.tagName)].find((other) => whatItIs(other) === whatItIs(one)) ?? null;
}

// Somebody types or chooses here, presses, has opened or marked something here, or stands in a field; or something was sent from here and is not
// answered yet, or was refused, which is still to be read. A link or button that only has the focus gets it back.
function inUse(part) {
  if (part.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) return true;
  if (part.querySelector(":active, details[open], dialog[open], form[aria-busy=true]")) return true;
  if ([...part.querySelectorAll("form")].some((one) => Date.now() - Number(one.dataset.refused ?? 0) < READ_MS)) return true;
  const marked = document.getSelection();
  if (marked && !marked.isCollapsed && marked.containsNode(part, true)) return true;
  if ([...part.querySelectorAll("option")].some((one) => one.selected !== one.defaultSelected && !isFirst(one))) return true;
  return [...part.querySelectorAll("input, textarea")].some((one) => one.type !== "hidden" && (one.value !== one.defaultValue || one.checked !== one.defaultChecked));
}

// The one that a list shows when none was chosen.
function isFirst(option) {
  const list = option.closest("select");
  return option === list?.options[0] && !list.multiple && ![...list.options].some((one) => one.defaultSelected);
}
