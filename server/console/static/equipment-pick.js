// Devices picked from the inventory for an exit slip: searched and ticked, or scanned. What is ticked stands in the rows of the form.
import { said } from "./commands.js";

const PAUSE_MS = 250;
const MOST = 100;

export function listenToPicks(rows, language, _) {
  const place = document.querySelector("[data-pick]");
  if (!place || !rows) return null;
  const [q, rack, list] = ["[data-pick-q]", "[data-pick-rack]", "[data-pick-list]"].map((one) => place.querySelector(one));
  const answered = place.querySelector("[data-scan-said]");
  const { customer } = place.dataset;
  let turn = 0;
  let timer = 0;
  let shown = [];

  const key = (text) => text.replace(/\s+/g, "").toUpperCase();

  function say(text, tone) {
    answered.textContent = text;
    answered.className = `message ${tone}`;
    answered.hidden = false;
  }

  async function ask(given) {
    const query = new URLSearchParams({ limit: MOST, ...given });
    if (customer) query.set("customer", customer);
    else query.set("own", "true");
    const answer = await fetch(`/api/v1/inventory?${query}`, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(said(told, language));
    return told;
  }

  async function search() {
    const mine = ++turn;
    const given = Object.fromEntries([["q", q.value.trim()], ["rack", rack.value.trim()]].filter(([, value]) => value));
    try {
      const found = await ask(given);
      if (mine !== turn) return;
      draw(found.items, found.next);
    } catch (error) {
      if (mine === turn) say(error.message || _("The server cannot be reached."), "bad");
    }
  }

  // Counted devices of a model are one line with a number.
  function draw(items, more) {
    const counted = new Map();
    shown = items.filter((one) => one.serial);
    for (const one of items.filter((each) => !each.serial)) counted.set(one.model, { ...one, count: (counted.get(one.model)?.count ?? 0) + 1 });
    list.replaceChildren(...shown.map(line), ...[...counted.values()].map(countedLine));
    if (!items.length) list.append(note(_("Nothing of the kind is here.")));
    if (more) list.append(note(_("There are more: type what the serial number or model begins with.")));
    tick();
  }

  function line(one) {
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    box.dataset.serial = one.serial;
    box.addEventListener("change", () => (box.checked ? rows.take(one.model, one.serial) : rows.drop(one.model, one.serial)));
    return entry("label", box, ` ${one.serial} `, one.model, one.rack);
  }

  function countedLine(one) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "act quiet", textContent: _("One more") });
    button.addEventListener("click", () => {
      if (rows.counted(one.model) >= one.count) say(_("Of {model} only {count} are here.").replace("{model}", one.model).replace("{count}", one.count), "bad");
      else rows.take(one.model, "");
    });
    const number = _("counted: {count}").replace("{count}", one.count);
    return entry("span", button, ` ${number} `, one.model, one.rack);
  }

  function entry(tag, control, serial, model, where) {
    const whole = document.createElement(tag);
    whole.className = "tick";
    const name = Object.assign(document.createElement("span"), { className: "serial", textContent: serial });
    whole.append(control, name, Object.assign(document.createElement("b"), { textContent: model }), Object.assign(document.createElement("span"), { className: "customer", textContent: where }));
    const item = document.createElement("li");
    item.append(whole);
    return item;
  }

  const note = (text) => Object.assign(document.createElement("li"), { className: "hint", textContent: text });
  const tick = () => { for (const box of list.querySelectorAll("[data-serial]")) box.checked = Boolean(rows.holding(box.dataset.serial)); };

  for (const one of [q, rack]) {
    one.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, PAUSE_MS); });
  }
  rows.onChange(tick);
  search();

  return {
    async scanned(text) {
      if (rows.holding(text)) return say(_("{text} is on the list already.").replace("{text}", text), "wait");
      try {
        const found = (await ask({ q: text })).items.find((one) => one.serial && key(one.serial) === key(text));
        if (!found) return say(_("{text} is not here, or is another customer's: it cannot go on this slip. Look at its path.").replace("{text}", text), "bad");
        rows.take(found.model, found.serial);
        return say(_("{text} ticked: {model}, rack {rack}").replace("{text}", found.serial).replace("{model}", found.model).replace("{rack}", found.rack || "–"), "good");
      } catch (error) {
        return say(error.message || _("The server cannot be reached: scan it again."), "bad");
      }
    },
  };
}
