// Who is inside: fetched again as soon as the live stream says that somebody moved.
const QUIET_MS = 800; // a party that comes in together is one look

let first = true;
let waits = null;

document.addEventListener("live", ({ detail }) => {
  if (detail.type !== "panels" || (detail.panels.areas === undefined && detail.panels.notices === undefined)) return;
  if (first) {
    first = false; // what stands already: the page has it
    return;
  }
  waits ??= setTimeout(() => {
    waits = null;
    document.dispatchEvent(new CustomEvent("refresh"));
  }, QUIET_MS);
});
