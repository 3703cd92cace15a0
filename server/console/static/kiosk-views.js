// What the kiosk shows. A view: {name, tone, draw(kiosk) → elements, keys(kiosk) → [{key, text, does, primary}]}; drawn anew when the language changes.
const MOST_LINES = 8;
const N_ = (text) => text; // marks a text for the catalogue

function made(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}
const h1 = (text) => made("h1", "", text);
const p = (text, className = "say") => (text ? made("p", className, text) : null);
const filled = (text, values) => Object.entries(values).reduce((all, [name, value]) => all.replace(`{${name}}`, value), text);

function field(label, className = "") {
  const input = made("input", className);
  Object.assign(input, { autocomplete: "off", spellcheck: false, maxLength: className ? 1000 : 128 });
  if (!className) input.dataset.scanField = "";
  input.setAttribute("aria-label", label);
  return input;
}

export function startView(kiosk) {
  return {
    name: "start",
    draw: ({ _ }) => [
      h1(_("Scan, or type, and press Enter")),
      field(_("Number or code")),
      made("ul", "",
        made("li", "", made("b", "", _("Your badge")), p(_("the number printed on it: write down what you did in the machine room"))),
        made("li", "", made("b", "", _("You are expected"))  , p(_("the number that you were sent: the desk is told that you are here"))),
        made("li", "", made("b", "", _("Exit slip or work order")), p(_("its code: what is left to carry, and through which door")))),
    ],
    keys: ({ _ }) => [{ key: "Enter", text: _("Look up"), primary: true, does: (text) => kiosk.look(text ?? "") }],
  };
}

export function badgeView(kiosk, found) {
  const { entries } = found;
  let chosen = -1; // -1: all of them
  const once = crypto.randomUUID();
  const common = [N_("Routine inspection"), N_("Hardware replaced or installed"), N_("Cabling"), N_("System maintenance")];
  if (!entries.length) {
    return {
      name: "badge",
      tone: found.stopped ? "bad" : "",
      draw: ({ _ }) => [
        h1(filled(_("Badge {number}"), { number: found.number })),
        found.stopped ? p(_("This badge opens nothing now: please go to the guard.")) : p(_("Nothing is to be written down for this badge.")),
      ],
      keys: () => [{ key: "Enter", text: kiosk._("Done"), primary: true, does: kiosk.start }],
    };
  }
  const pick = (step) => () => { chosen = ((chosen + 1 + step + entries.length + 1) % (entries.length + 1)) - 1; kiosk.show(view); };
  const write = (text) => {
    const typed = (text ?? document.querySelector("main input").value).trim();
    if (typed.length < 2) return document.querySelector("main input").focus();
    const wanted = chosen < 0 ? entries.map((one) => one.id) : [entries[chosen].id];
    return kiosk.send("operation", { badge: found.number, text: typed, entries: wanted }, () => kiosk.show(toldView("good", ({ _ }) => _("Written into the register and signed. Thank you."))), once);
  };
  const view = {
    name: "operation",
    draw: ({ _, at, say }) => [
      h1(_("What did you do in the machine room?")),
      p(filled(_("Badge {number}"), { number: found.number }), "say soft"),
      found.stopped ? p(_("This badge opens nothing now: please go to the guard."), "told") : null,
      made("ul", "", ...entries.map((one, index) => {
        const line = made("li", chosen < 0 || chosen === index ? "" : "off", made("b", "", say(one.area)), made("span", "push"), made("span", "", at(one.at)));
        if (chosen < 0 || chosen === index) line.setAttribute("aria-current", "true");
        return line;
      })),
      entries.length > 1 ? p(chosen < 0 ? _("For all of these entries. ↓ for one of them.") : _("For this entry only. ↑ for all."), "say soft") : null,
      field(_("What you did"), "words"),
    ],
    keys: ({ _ }) => [
      { key: "Enter", text: _("Into the register"), primary: true, does: (text) => write(text) },
      ...common.map((text, index) => ({ key: `F${index + 1}`, text: _(text), does: () => { const input = document.querySelector("main input"); input.value = [input.value.trim(), _(text)].filter(Boolean).join(_(", ")); } })),
      ...(entries.length > 1 ? [{ key: "ArrowDown", label: "↓", text: "", does: pick(1) }, { key: "ArrowUp", label: "↑", text: "", does: pick(-1) }] : []),
    ],
  };
  return view;
}

const STATES = { expected: N_("expected"), arrived: N_("the desk knows"), checked_in: N_("checked in") };

export function expectedView(kiosk, found) {
  const here = (comer) => () => kiosk.send("arrival", { code: found.code, person: comer.person }, () => kiosk.show(arrivedView(kiosk, found)));
  const open = found.comers.filter((one) => one.state === "expected");
  if (!open.length) return arrivedView(kiosk, found);
  return {
    name: "expected",
    draw: ({ _, at, say }) => [
      h1(open.length > 1 ? _("Who are you?") : _("You are expected")),
      made("ol", "", ...found.comers.map((one, index) => made("li", one.state === "expected" ? "" : "off",
        found.comers.length > 1 ? made("kbd", "", String(index + 1)) : null, made("b", "", one.name ?? _("without a name")), made("span", "push"), made("span", "", _(STATES[one.state]))))),
      p(`${found.areas.map(say).join(" · ")} · ${at(found.from_at)} – ${at(found.until_at)}`, "say soft"),
      found.early ? p(filled(_("You are early: the badge is handed out from {time} on."), { time: at(new Date(new Date(found.from_at).getTime() - 30 * 60000)) })) : null,
    ],
    keys: ({ _ }) => (found.comers.length > 1
      ? found.comers.slice(0, 9).map((one, index) => ({ key: String(index + 1), text: one.state === "expected" ? one.name ?? "?" : "", does: one.state === "expected" ? here(one) : () => {} }))
      : [{ key: "Enter", text: _("I am here"), primary: true, does: here(found.comers[0]) }]),
  };
}

function arrivedView(kiosk, found) {
  return {
    name: "arrived",
    tone: found.refuse ? "" : "good",
    draw: ({ _, say }) => [
      h1(found.refuse ? _("Thank you. The desk knows that you are here.") : _("Welcome. The desk knows that you are here.")),
      found.refuse ? p(say(found.refuse)) : p(say(found.fetched_by)),
      found.refuse ? null : p(_("Have your ID document ready. The guard goes through the declaration with you, takes a photo, and lends you a badge.")),
    ],
    keys: ({ _ }) => (found.refuse ? [{ key: "Enter", text: _("Done"), primary: true, does: kiosk.start }]
      : [{ key: "Enter", text: _("Read the declaration meanwhile"), primary: true, does: () => kiosk.show(readingView(kiosk, found.declaration)) }]),
  };
}

export function visitView(kiosk, found) {
  const states = { checked_in: N_("You are checked in"), inside: N_("You are inside"), over: N_("This visit is over: please give the badge to the guard") };
  return {
    name: "visit",
    tone: found.state === "over" ? "bad" : "",
    draw: ({ _, at, say }) => [
      h1(_(states[found.state])),
      p(filled(_("Visitor's badge {number}"), { number: found.number })),
      found.state === "over" ? null : p(`${found.areas.map(say).join(" · ")} · ${_("until")} ${at(found.until_at)}`),
      found.state === "checked_in" ? p(say(found.fetched_by)) : null,
      found.state === "over" ? null : p(_("Before you leave: give the badge back at the desk, and say what was done."), "say soft"),
    ],
    keys: ({ _ }) => (found.state === "over" ? [{ key: "Enter", text: _("Done"), primary: true, does: kiosk.start }]
      : [{ key: "Enter", text: _("Read the declaration"), primary: true, does: () => kiosk.show(readingView(kiosk, found.declaration)) }]),
  };
}

export function readingView(kiosk, items, index = 0) {
  const last = index === items.length - 1;
  return {
    name: "reading",
    draw: ({ _, say }) => [
      h1(filled(_("Declaration, {n} of {count}"), { n: index + 1, count: items.length })),
      p(say(items[index]), "big"),
      p(_("The guard asks you each of these and writes down what you say. Nothing is confirmed here."), "say soft"),
    ],
    keys: ({ _ }) => [
      { key: "Enter", text: last ? _("Read it all: back to the start") : _("Next"), primary: true, does: () => (last ? kiosk.start() : kiosk.show(readingView(kiosk, items, index + 1))) },
      ...(index ? [{ key: "ArrowLeft", label: "←", text: _("Before"), does: () => kiosk.show(readingView(kiosk, items, index - 1)) }] : []),
    ],
  };
}

export function documentView(kiosk, found) {
  const left = found.lines.filter((one) => one.left);
  return {
    name: "document",
    tone: left.length ? "" : "good",
    draw: ({ _, at, say }) => [
      h1(`${found.kind === "slip" ? _("Exit slip") : _("Work order")} ${found.number ?? ""}`),
      p(`${say(found.state_words)} · ${at(found.from_at)} – ${at(found.until_at)}`),
      p(found.at_desk ? _("Equipment is received here at the desk.") : found.door ? filled(_("Door: {door}"), { door: say(found.door) }) : _("Door: any goods door")),
      left.length ? made("ul", "", ...left.slice(0, MOST_LINES).map((one) => made("li", "", made("b", "", one.model), made("span", "push"), made("span", "", filled(_("{left} of {count} left"), { left: one.left, count: one.quantity })))))
        : p(_("Nothing of it is left.")),
      left.length > MOST_LINES ? p(filled(_("and {count} more lines"), { count: left.length - MOST_LINES }), "say soft") : null,
    ],
    keys: ({ _ }) => [{ key: "Enter", text: _("Done"), primary: true, does: kiosk.start }],
  };
}

export function unknownView(kiosk, found) {
  return {
    name: "unknown",
    tone: "bad",
    draw: ({ _ }) => [
      h1(found.misread ? _("That was misread") : _("This is not known here")),
      p(found.misread ? _("One character is wrong: scan it again.") : _("Scan or type it again. If it stays so, ask the guard.")),
    ],
    keys: ({ _ }) => [{ key: "Enter", text: _("Again"), primary: true, does: kiosk.start }],
  };
}

/** `text`: kiosk → what to say. */
export function toldView(tone, text) {
  return {
    name: "told",
    tone,
    draw: (kiosk) => [h1(text(kiosk))],
    keys: ({ _, start }) => [{ key: "Enter", text: _("Done"), primary: true, does: start }],
  };
}
