// Receiving at the desk: scan after scan, each answered in the log, the line of the table ticked. Scans are sent one after the other, and the page does
// not leave by itself: what was scanned meanwhile would be answered to nobody.
import { said } from "./commands.js";

const KEPT = 50;
const TRIES = 3;
const PAUSE_MS = 1000;

export function listenToDesk(language, _) {
  const form = document.querySelector("form[data-receive]");
  if (!form) return null;
  const log = document.querySelector("[data-log]");
  let queue = Promise.resolve();
  let ended = false; // nobody is signed in any more

  const todo = {
    ITEM_NOT_ON_ORDER: _("Put it aside, outside. If it should come in, customer service changes the order or writes another."),
    ITEM_ALREADY_IN: _("Compare the serial number on the device. If it is right, look at its path: the inventory may be wrong."),
    ITEM_OF_ANOTHER_CUSTOMER: _("Keep it outside and call customer service: it is booked to somebody else."),
    QUANTITY_EXCEEDED: _("Put it aside, outside: the order has no more of this model."),
    PACKAGING_NOT_REMOVED: _("Unpack everything, then attest it on this page."),
    ORDER_WRONG_DATE: _("Wait for the planned time, or have its end moved."),
    ORDER_DONE: _("Nothing more is expected: keep it outside."),
    WORK_ORDER_LATE: _("Wait until the notice is over, or have a supervisor approve an exception."),
    bound_to_edge: _("Take it through the goods door, or have the order bound to the desk."),
  };

  async function receive(scanned) {
    const rack = form.elements.namedItem("rack").value.trim();
    const entry = note(`${scanned} …`, "wait");
    if (ended) return tell(entry, "bad", `✗ ${scanned}`, _("Not received: sign in, then scan it again."));
    try {
      const answer = await send(JSON.stringify(rack ? { scanned, rack } : { scanned }), crypto.randomUUID());
      const told = await answer.json();
      if (answer.status === 401) {
        ended = true;
        offer(`/sign-in?ended=1&to=${encodeURIComponent(location.pathname)}`, _("The session has ended."), _("Sign in"), "bad");
        return tell(entry, "bad", `✗ ${scanned}`, _("Not received: sign in, then scan it again."));
      }
      if (!answer.ok) return tell(entry, "bad", `✗ ${scanned}: ${said(told, language)}`, todo[told.code]);
      const line = _("line {line}").replace("{line}", told.place);
      tell(entry, "good", `✓ ${told.serial ?? scanned}: ${told.model}, ${line}`);
      return show(told.order);
    } catch {
      return tell(entry, "bad", `? ${scanned}`, _("The server cannot be reached: nobody knows whether it was taken. Show this page anew and look at its line before you scan on."));
    }
  }

  // The same key each time: however often it arrives, the device counts once.
  async function send(body, key) {
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
    for (let tries = 1; ; tries += 1) {
      try {
        return await fetch(form.dataset.api, { method: "POST", cache: "no-store", signal: AbortSignal.timeout(10000), headers, body });
      } catch (error) {
        if (tries === TRIES) throw error;
        await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
      }
    }
  }

  function show(order) {
    let [received, wanted] = [0, 0];
    for (const line of order.lines) {
      const row = document.querySelector(`#order-lines [data-line="${line.place}"]`);
      row.querySelector("[data-received]").textContent = line.received;
      row.toggleAttribute("data-done", line.received >= line.quantity);
      received += line.received;
      wanted += line.quantity;
    }
    document.getElementById("received").textContent = `${received} / ${wanted}`;
    if (order.status === "done") offer(location.pathname, _("The order is complete: all devices are in."), _("Show anew"), "good");
  }

  function offer(to, text, does, tone) {
    const line = Object.assign(document.createElement("p"), { className: `message ${tone}` });
    line.setAttribute("role", "status");
    line.append(text, " ", Object.assign(document.createElement("a"), { className: "act", href: to, textContent: does }));
    log.parentElement.before(line);
  }

  function note(text, tone) {
    const entry = document.createElement("li");
    log.prepend(entry);
    while (log.children.length > KEPT) log.lastElementChild.remove();
    tell(entry, tone, text);
    return entry;
  }

  function tell(entry, tone, text, more) {
    entry.className = tone;
    entry.replaceChildren(Object.assign(document.createElement("b"), { textContent: text }));
    if (more) entry.append(" ", Object.assign(document.createElement("span"), { textContent: more }));
  }

  const scanned = (text) => { queue = queue.then(() => receive(text)); };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    const field = form.elements.namedItem("scanned");
    if (field.value.trim()) scanned(field.value.trim());
    field.value = "";
    field.focus();
  }, { capture: true });
  return { scanned };
}
