// A USB barcode scanner is a keyboard that types fast: what comes so and ends with Enter or Tab is told as a "scan" event on the document, wherever the
// focus is. What it typed into a field before it was known for a scan is taken out again, unless the field itself wants scans (data-scan-field), or nobody
// on the page does anything with it (then it was typed like anything else: so do password managers). Who takes a scan cancels the event.
export const GAP_MS = 35; // between two keys; people need 60 and more
const LEAST = 4;

let text = "";
let lastAt = 0;
let place = null; // what takes keys: a field, or a list that chooses by them
let what = "value";
let before = null;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.key === "Shift") return; // goes before a capital, within its millisecond
  if (event.repeat) { // a key that is held: no scanner does it
    text = "";
    lastAt = 0;
    return;
  }
  const fast = event.timeStamp - lastAt <= GAP_MS;
  lastAt = event.timeStamp;
  if ((event.key === "Enter" || event.key === "Tab") && fast && text.length >= LEAST) {
    const scanned = text;
    text = "";
    lastAt = 0; // the next code begins anew, however fast it follows
    if (place?.matches("[data-scan-field]")) return;
    const typed = place?.[what];
    if (place) place[what] = before;
    const taken = !document.dispatchEvent(new CustomEvent("scan", { bubbles: true, cancelable: true, detail: { text: scanned, typed: isTypedInto() } }));
    if (!taken && isTypedInto()) {
      place.value = typed;
      return;
    }
    if (what === "selectedIndex" && typed !== before) place.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault(); // nor does it press the button that has the focus
    event.stopImmediatePropagation();
  } else if (event.key.length === 1) {
    if (!fast) begin(event);
    text += event.key;
    if (fast && !isTypedInto()) { // no shortcuts, and no choices, out of the middle of a code
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  } else {
    text = "";
    lastAt = 0; // what comes after Escape or an arrow begins anew, however fast
  }
}, { capture: true });

function begin(event) {
  text = "";
  place = event.target.closest("textarea, select, input:not([type=radio], [type=checkbox], [type=file])");
  what = place?.matches("select") ? "selectedIndex" : "value";
  before = place?.[what];
}

const isTypedInto = () => place !== null && what === "value";
