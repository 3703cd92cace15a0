// The pages of edges and server: what a live message changes, a token that is shown once, a reader that is to be found, a file that is saved.
import { command, said } from "./commands.js";

const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const $ = (id) => document.getElementById(id);
const PAUSE_MS = 3000;
const LIMIT_MS = 60000;

// -- an edge that goes or comes is not waited for until the next refresh
let askedAt = 0;
let edges;
document.addEventListener("live", (event) => {
  const { type, panels } = event.detail;
  if (type !== "panels" || panels.edges === undefined || panels.edges === edges) return;
  const first = edges === undefined;
  edges = panels.edges;
  if (first || Date.now() - askedAt < PAUSE_MS) return;
  askedAt = Date.now();
  document.dispatchEvent(new Event("refresh"));
});

// -- a one-time token: shown once, then the page is drawn anew
document.addEventListener("sent", (event) => {
  if (!event.target.matches('form[data-act="new-edge"]')) return;
  event.preventDefault();
  const { told } = event.detail;
  const line = $("token-line");
  line.textContent = line.dataset.line.replace("{token}", told.token).replace("{desk}", told.role === "desk" ? "--desk " : "").replace("{server}", location.origin);
  const until = new Date(told.expires_at).toLocaleString(language, { timeZone: document.body.dataset.zone });
  $("token-until").textContent = $("token-until").dataset.text.replace("{time}", until);
  event.target.reset();
  $("token").addEventListener("close", () => location.reload(), { once: true });
  $("token").showModal();
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest('[data-act="copy"]');
  if (!button) return;
  try {
    await navigator.clipboard.writeText($("token-line").textContent);
    button.textContent = button.dataset.done;
  } catch {
    getSelection().selectAllChildren($("token-line")); // no clipboard here: Ctrl+C does it
  }
});

// -- which reader is this?
$("identify")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  button.disabled = true;
  $("identify-said").textContent = _("Asked …");
  const answer = await command("/api/v1/commands", { edge: form.dataset.edge, command: { name: "Identify", access_point: form.elements.access_point.value } }, language, _);
  $("identify-said").textContent = answer.text;
  button.disabled = false;
});

// -- a roster that cannot be made is said here, not as a page of JSON
document.addEventListener("click", async (event) => {
  const link = event.target.closest('a[data-act="roster"]');
  if (!link) return;
  event.preventDefault();
  const told = $("roster-said");
  told.textContent = _("The roster is being made …");
  try {
    const answer = await fetch(link.href, { cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
    if (!answer.ok) {
      told.textContent = said(await answer.json(), language);
      return;
    }
    const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "menjin.roster";
    const url = URL.createObjectURL(await answer.blob());
    Object.assign(document.createElement("a"), { href: url, download: name }).click();
    URL.revokeObjectURL(url);
    told.textContent = _("Saved as {name}.").replace("{name}", name);
  } catch {
    told.textContent = _("The server cannot be reached.");
  }
});
