// The register: files are fetched so that a refusal is said on the page; operations are entered line by line without losing the place.
import { said } from "./commands.js";
import { signInAgain } from "./drafts.js";
import { saveFile } from "./upload.js";

const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const LIMIT_MS = 120000;

async function fetchFile(link) {
  const place = document.getElementById("file-problem");
  place.hidden = true;
  if (link.getAttribute("aria-disabled")) return;
  link.setAttribute("aria-disabled", "true");
  const named = link.textContent;
  link.textContent = _("Being made …");
  try {
    const answer = await fetch(link.href, { cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
    if (answer.status === 401) return signInAgain();
    if (answer.ok) return await saveFile(answer);
    const told = await answer.json();
    say(place, said(told, language));
  } catch {
    say(place, _("The server cannot be reached: no file was made. Try again."));
  } finally {
    link.textContent = named;
    link.removeAttribute("aria-disabled");
  }
}

function say(place, text) {
  place.textContent = text;
  place.hidden = false;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-act='file']");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  fetchFile(link);
});

// An operation that was taken: its line says so, and the next line is at hand.
document.addEventListener("sent", (event) => {
  const line = event.target.closest(".worklist li");
  if (!line) return;
  event.preventDefault();
  const text = event.target.elements.text.value.trim();
  const said = document.getElementById("said");
  if (![...said.options].some((one) => one.value === text)) said.append(Object.assign(document.createElement("option"), { value: text }));
  event.target.replaceWith(Object.assign(document.createElement("p"), { className: "saved", textContent: `✓ ${text}` }));
  line.dataset.done = "";
  const left = document.getElementById("left");
  left.textContent = document.querySelectorAll(".worklist form").length + (left.textContent.endsWith("+") ? "+" : "");
  const next = document.querySelector(`.worklist li[data-done] ~ li:not([data-done]) input`) ?? document.querySelector(".worklist input");
  if (next && next.closest("li").dataset.party === line.dataset.party && !next.value) next.value = text; // a party that came in together
  if (next) next.select();
  else document.getElementById("search").querySelector("button").focus();
});
