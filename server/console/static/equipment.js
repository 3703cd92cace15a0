// The pages of equipment: rows of devices, picking from the inventory, receiving at the desk, files with their faults, and where a scan goes.
import { said } from "./commands.js";
import { listenToDesk } from "./equipment-desk.js";
import { listenToFiles } from "./equipment-files.js";
import { listenToPicks } from "./equipment-pick.js";
import { listenToRows } from "./equipment-rows.js";
import { openScanned, sayScanned } from "./scanned.js";

const rows = listenToRows(); // before the words are there: what was typed is put back into rows as soon as the page's forms start
const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;

const pick = listenToPicks(rows, language, _);
const desk = listenToDesk(language, _);
listenToFiles(language, _);

// Wherever the focus is, one scan goes to one place: the desk's receiving, the choice from the inventory, the rows of a form, else to what it names.
document.addEventListener("scan", (event) => {
  const { text } = event.detail;
  event.preventDefault();
  if (desk) desk.scanned(text);
  else if (pick) pick.scanned(text);
  else if (rows) sayScanned(rows.scanned(text, _));
  else openScanned(text);
});

// What is handed in is what was kept: rows that only stand on the page are kept first.
document.addEventListener("submit", (event) => {
  if (!rows?.unkept() || !event.target.matches("[data-hands-in]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const place = event.target.querySelector("[data-problem]");
  place.textContent = _("The lines above are not kept yet: keep them first, then hand it in.");
  place.hidden = false;
  document.querySelector("[data-act=keep-lines]").focus();
}, { capture: true });

// -- the notice of a work order (E1), said while the time is typed, and asked for when the server says that it is late

document.addEventListener("input", (event) => {
  const { earliest } = event.target.dataset;
  if (earliest) event.target.form.querySelector("[data-late]").hidden = !event.target.value || event.target.value >= earliest;
  const { narrow } = event.target.dataset;
  if (narrow) for (const one of document.getElementById(narrow).children) one.hidden = !one.textContent.toLowerCase().includes(event.target.value.trim().toLowerCase());
});

document.addEventListener("refused", (event) => {
  if (event.detail.told.code !== "WORK_ORDER_LATE" || !event.target.matches("[data-late-form]")) return;
  const place = event.target.querySelector("[data-late]");
  place.hidden = false;
  place.querySelector("textarea").required = true;
});

// -- the code of a sheet: each look is recorded

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act=reveal]");
  if (!button) return;
  const place = button.parentElement.querySelector("[data-code]");
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.reveal, { method: button.dataset.revealMethod, cache: "no-store" });
    const told = await answer.json();
    place.textContent = answer.ok ? told.code : said(told, language);
  } catch {
    place.textContent = _("The server cannot be reached.");
  }
  place.hidden = false;
  button.disabled = false;
});
