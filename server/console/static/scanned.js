// A scan that a page has no use for itself: what it names is looked up, and its page opened. It goes in a body: a sheet's code is a secret, and addresses are kept
// in histories and logs.
import { said } from "./commands.js";

// Once per page. What was typed into a field stays there, and behind a dialog nobody leaves the page.
export function listenToScans() {
  addEventListener("scan", (event) => { // on the window: after the page's own scripts
    if (event.defaultPrevented || event.detail.typed || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    openScanned(event.detail.text);
  });
}

export async function openScanned(text) {
  const language = document.documentElement.lang;
  const { default: words } = await import(`./words.${language}.js`);
  const _ = (english) => words[english] ?? english;
  sayScanned({ text: _("Looking for {text} …").replace("{text}", text), tone: "wait" });
  try {
    const answer = await fetch("/scanned", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text }), cache: "no-store", signal: AbortSignal.timeout(10000) });
    const told = await answer.json();
    if (answer.ok) location.assign(told.to);
    else sayScanned({ text: said(told, language), tone: "bad" });
  } catch {
    sayScanned({ text: _("The server cannot be reached: scan it again."), tone: "bad" });
  }
}

// Where the page says what came of scans, else above it.
export function sayScanned({ text, tone }) {
  let place = document.querySelector("[data-scan-said]");
  if (!place) {
    place = document.createElement("p");
    place.dataset.scanSaid = "";
    place.setAttribute("role", "status");
    document.getElementById("main").prepend(place);
  }
  place.textContent = text;
  place.className = `message ${tone}`;
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
}
