// Lists that stay fresh: every [data-fresh] is fetched again with its page and swapped where nobody is at work in it. If that fails, the page says so.
const EVERY_MS = 15000;
const LIMIT_MS = 10000;
const READ_MS = 60000; // so long a refusal stays to be read

export function keepFresh(_) {
  if (!document.querySelector("[data-fresh]")) return () => {};
  let askedAt = Date.now();
  let asking = false;

  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    askedAt = Date.now();
    try {
      const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(LIMIT_MS), headers: { "X-Refresh": "1" } });
      if (!answer.ok) throw new Error(String(answer.status));
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
      document.getElementById("old").hidden = true;
    } catch {
      say(_("This page could not be refreshed: what it shows is old. {asof}").replace("{asof}", document.getElementById("as-of").textContent));
    } finally {
      asking = false;
    }
  }

  setInterval(() => { if (Date.now() - askedAt >= EVERY_MS) refresh(); }, 1000);
  document.addEventListener("visibilitychange", () => { if (Date.now() - askedAt >= EVERY_MS) refresh(); });
  document.addEventListener("refresh", refresh); // from a page that has learned of something
  return refresh;
}

function say(text) {
  const place = document.getElementById("old");
  if (place.textContent !== text) place.textContent = text;
  place.hidden = false;
}

function swap(fresh) {
  for (const now of document.querySelectorAll("[data-fresh]")) {
    const then = fresh.getElementById(now.id);
    if (!then || inUse(now) || now.innerHTML === then.innerHTML) continue;
    const scrolled = parts(now).map((one) => [one.scrollTop, one.scrollLeft]);
    now.replaceWith(then);
    parts(then).forEach((one, index) => [one.scrollTop, one.scrollLeft] = scrolled[index] ?? [0, 0]);
    then.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
  }
  const asOf = fresh.getElementById("as-of");
  if (asOf) document.getElementById("as-of").replaceWith(asOf);
}

// What may scroll inside itself.
const parts = (part) => [part, ...part.querySelectorAll(".sheet-table")];

// Somebody types or chooses here, has opened or marked something here, or stands here with the keyboard; or something was sent from here and is not
// answered yet, or was refused, which is still to be read.
function inUse(part) {
  if (part.contains(document.activeElement) || part.querySelector("details[open], dialog[open], form[aria-busy=true]")) return true;
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
