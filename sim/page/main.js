// The hall page: holds the state that the server streams, draws it, and turns hands into calls.

import { dragCards } from "./drag.js";
import { draw, layOut, svg } from "./floorplan.js";
import { logInto } from "./log.js";
import { drawScanners } from "./scanners.js";
import { drawApplicants, drawVisitors, makeTray } from "./tray.js";
import { WORDS } from "./words.js";

const TAP_HOLD_S = 1;
const WATCHDOG_MS = 12000;
const RECONNECT_MS = 3000;
const POOL = "\uffff"; // beside the customers' codes: the cards that are lent to visitors
const COLOURS = ["c0", "c1", "c2", "c3", "c4", "c5"];
const MOODS = { granted: "good", accepted: "good", denied: "bad", alarm: "bad", pending: "wait", none: "dim" };
const BOARD_ACTS = ["silent", "garbage", "stuck", "normal"];

const $ = (id) => document.getElementById(id);
const say = logInto($("lines"), () => hall?.site.time_zone);
const drawTray = makeTray($("tray"), scan);
const query = new URLSearchParams(location.search);
let language = query.get("lang") ?? localStorage.getItem("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let theme = query.get("theme") ?? localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
let words = WORDS[language];
let hall, parts, layout, state, table, held = null, menuOf = null;

// words and names

const nameOf = (thing) => (language === "zh" ? thing.name_zh : thing.name_en) || thing.id;
const otherNameOf = (thing) => (language === "zh" ? thing.name_en : thing.name_zh) || "";
const doorName = (id) => nameOf(hall.site.doors.find((door) => door.id === id) ?? { id });
const pointName = (id) => {
  const point = hall.site.access_points.find((each) => each.id === id);
  return point ? `${doorName(point.door)} · ${point.out ? words.out : words.in}` : null;
};
const readerName = (id) => pointName(hall.readers[id]) ?? (id === deskReader() ? words.deskName : id);
const scannerName = (id) => pointName(hall.scanners[id]) ?? id;
const isOfDesk = (id) => state.cards[id]?.technology === "desfire-blank"; // and stays there when it is written
const cardName = (id) => hall.people[id]?.name ?? (isOfDesk(id) ? state.cards[id].number || words.blank : id === "unknown" ? words.unknown : id);
const deviceName = (id) => (id === "network" ? words.network : state.readers[id] ? `${words.reader} ${readerName(id)}` : state.scanners[id] ? `${words.scanner} ${scannerName(id)}` : id);
const colourOf = (card) => {
  if (!hall.people[card]) return table.cards.includes(card) ? "lent" : "stranger";
  const { customer } = hall.people[card];
  const customers = [...new Set(Object.values(hall.people).map((person) => person.customer).filter(Boolean))];
  return customer ? COLOURS[customers.indexOf(customer) % COLOURS.length] : "staff";
};

// calls

async function call(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

async function attempt(doing) {
  try {
    return await doing();
  } catch (error) {
    say(error.message, "bad");
    return null;
  }
}

const deskReader = () => Object.keys(hall.readers).find((id) => hall.readers[id] === "");
const onDesk = () => Object.keys(state.cards).filter((card) => state.cards[card].reader === deskReader());

/** A card stays on the desk's reader until somebody takes it. */
async function layOnDesk(card) {
  if (await attempt(() => call("/lay", { card, reader: deskReader() }))) say(words.laid(cardName(card)), "dim");
}

async function tap(card, reader) {
  if (reader === deskReader()) return layOnDesk(card);
  const answer = await attempt(() => call("/present", { card, reader, hold_s: TAP_HOLD_S, wait_s: 2.5 }));
  if (!answer) return;
  const mood = MOODS[answer.indicator];
  const speed = answer.tap_to_unlock_ms === null ? "" : words.ms(Math.round(answer.tap_to_unlock_ms));
  say(words.tapped(cardName(card), readerName(reader)), mood, words[answer.indicator], speed);
}

async function scan(scanner, text, shown = text) {
  const answer = await attempt(() => call("/scan", { scanner, text, wait_s: 2.5 }));
  if (answer) say(words.scanned(shown.length > 40 ? `${shown.slice(0, 40)}…` : shown, scannerName(scanner)), MOODS[answer.indicator], words[answer.indicator]);
}

async function pass(door, out, tailgate) {
  const answer = await attempt(() => call("/pass", { door, people: 1, out, tailgate }));
  if (!answer) return;
  if (answer.open) say(words.passed(doorName(door), answer.passed), "dim");
  else refuse(door);
}

async function push(door, act) {
  if (act === "open" && state.doors[door].locked && !state.doors[door].open) refuse(door);
  else await attempt(() => call("/door", { door, act }));
}

function refuse(door) {
  const group = parts.doors.get(door);
  group.classList.remove("shake");
  group.getBoundingClientRect();
  group.classList.add("shake");
  say(words.isLocked(doorName(door)), "dim");
}

// what happened

function tell(kind, id, before, after) {
  if (!before) return;
  if (kind === "door") {
    if (before.locked !== after.locked) say((after.locked ? words.doorLocked : words.doorUnlocked)(doorName(id)), after.locked ? "dim" : "good");
    if (!before.forced && after.forced) say(words.doorForced(doorName(id)), "bad");
    else if (before.open !== after.open) say((after.open ? words.doorOpened : words.doorClosed)(doorName(id)), "dim");
    if (!before.rex && after.rex) say(words.rexPressed(doorName(id)), "dim");
  } else if (kind === "board" || kind === "reader" || kind === "scanner") {
    if (before.plugged !== after.plugged) say((after.plugged ? words.plugged : words.unplugged)(deviceName(id)), after.plugged ? "good" : "bad");
    else if (before.act !== after.act) say(words.fault(deviceName(id), words[after.act]), after.act === "normal" ? "good" : "bad");
  } else if (kind === "inputs") {
    for (const loop of ["fire", "gas", "lockdown"])
      for (const zone of Object.keys(after[loop]))
        if (before[loop][zone] !== after[loop][zone]) {
          const name = words[`${loop}Zone`](zone);
          say((after[loop][zone] ? words.zoneOn : words.zoneOff)(name), after[loop][zone] ? "bad" : "good");
        }
    if (before.network && before.network.plugged !== after.network.plugged)
      say((after.network.plugged ? words.plugged : words.unplugged)(words.network), after.network.plugged ? "good" : "bad");
  }
}

// drawing what changes

function toggle(element, classes) {
  for (const [name, on] of Object.entries(classes)) element.classList.toggle(name, Boolean(on));
}

function drawDoor(id) {
  const door = state.doors[id], group = parts.doors.get(id);
  if (!group) return;
  toggle(group, { open: door.open, unlocked: !door.locked, propped: door.propped, forced: door.forced, tamper: door.tamper });
  group.setAttribute("aria-label", `${doorName(id)}: ${facts(door).join(", ")}`);
  const exit = parts.exits.get(id);
  if (!exit) return;
  toggle(exit, { pressed: door.rex });
  exit.setAttribute("aria-label", `${words.exit} ${doorName(id)}`);
}

const facts = (door) => [door.locked ? words.locked : words.unlocked, door.open ? words.opened : words.closed,
  ...["propped", "forced"].filter((each) => door[each]).map((each) => words[each]), ...(door.tamper ? [words.tampered] : [])];

function drawReader(id) {
  const reader = state.readers[id], group = parts.readers.get(id);
  if (!group) return;
  toggle(group, { green: reader.lamps.green, red: reader.lamps.red, buzzing: reader.lamps.buzzer, unplugged: !reader.plugged, faulty: reader.act !== "normal" });
  group.setAttribute("aria-label", `${words.reader} ${readerName(id)}`);
  const lying = Object.entries(state.cards).filter(([, card]) => card.reader === id);
  group.querySelector(".lying").replaceChildren(...lying.map(([card], n) =>
    svg("rect", { x: -17 + n * 5, y: -2 + n * 5, width: 34, height: 22, rx: 4, class: `card ${colourOf(card)}` })));
}

function drawPeople() {
  for (const [area, group] of parts.people) {
    const count = state.inputs.people[area] ?? 0;
    const shown = Math.min(count, 8);
    const figures = Array.from({ length: shown }, (_, n) =>
      svg("g", { class: "person", transform: `translate(${-n * 19} 0)` }, svg("circle", { cy: -6, r: 4.2 }), svg("path", { d: "M-6.5 9 a6.5 7.5 0 0 1 13 0 z" })));
    if (count > shown) figures.push(svg("text", { x: -shown * 19 - 12, y: 6, class: "under" }, `+${count - shown}`));
    group.replaceChildren(...figures);
  }
}

function drawZones() {
  for (const [area, floor] of parts.rooms) {
    const doors = hall.site.access_points.filter((point) => point.to_area === area && !point.out).map((point) => state.doors[point.door]);
    const zones = doors.flatMap((door) => door?.fire_zones ?? []);
    toggle(floor, Object.fromEntries(["fire", "gas"].map((kind) => [kind, zones.some((zone) => state.inputs[kind][zone])])));
  }
  const chips = [];
  for (const kind of ["fire", "gas", "lockdown"])
    for (const [zone, active] of Object.entries(state.inputs[kind])) {
      const where = kind === "lockdown" ? { area: zone } : { zone };
      const chip = button(words[`${kind}Zone`](zone), () => attempt(() => call(`/${kind}`, { ...where, clear: state.inputs[kind][zone] })));
      chip.className = `chip ${kind}`;
      chip.setAttribute("aria-pressed", active);
      chips.push(chip);
    }
  update($("loops"), chips);
}

function drawCables() {
  const rows = [];
  if (state.inputs.network) rows.push(cableRow("network", state.inputs.network, words.network));
  for (const [id, board] of Object.entries(state.boards)) {
    const lamps = document.createElement("span");
    lamps.className = "lamps";
    lamps.append(...board.outputs.map((on) => Object.assign(document.createElement("i"), { className: on ? "on" : "" })));
    rows.push(cableRow(id, board, id, lamps));
  }
  const readers = document.createElement("div");
  readers.className = "chips";
  readers.append(...Object.entries({ ...state.readers, ...state.scanners }).map(([id, device]) => cableRow(id, device, id)));
  rows.push(readers);
  update($("cables"), rows);
}

function cableRow(id, device, label, extra = null) {
  const row = button("", (event) => openMenu({ device: id }, event.currentTarget));
  row.className = `cable ${device.plugged ? "" : "unplugged"} ${device.act === "normal" ? "" : "faulty"}`;
  row.dataset.device = id;
  const name = document.createElement("span");
  name.textContent = label;
  row.append(Object.assign(document.createElement("i"), { className: "plug" }), name, ...(extra ? [extra] : []));
  row.setAttribute("aria-label", `${deviceName(id)}: ${device.plugged ? words.plug : words.unplug}, ${words[device.act]}`);
  return row;
}

/** Replace children, but keep the keyboard where it was. */
function update(parent, children) {
  const buttons = () => [...parent.querySelectorAll("button")];
  const focused = buttons().indexOf(document.activeElement);
  parent.replaceChildren(...children);
  if (focused >= 0) buttons()[focused]?.focus();
}

function drawCards() {
  const groups = new Map();
  for (const id of Object.keys(state.cards)) {
    if (isOfDesk(id) && deskReader()) continue;
    const person = hall.people[id];
    const key = person?.customer ?? (table.cards.includes(id) ? POOL : "");
    groups.set(key, [...(groups.get(key) ?? []), id]);
  }
  const place = (key) => ["", POOL].indexOf(key); // customers first
  const order = [...groups.keys()].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  const strangers = Object.keys(state.cards).some((id) => !hall.people[id] && !table.cards.includes(id) && !isOfDesk(id));
  update($("cards"), order.map((key) => {
    const group = document.createElement("div");
    group.className = "group";
    const title = document.createElement("h3");
    const company = hall.people[groups.get(key)[0]]?.company;
    title.textContent = key === POOL ? words.pool : key ? company : strangers ? words.staffAndOthers : words.staff;
    if (company) title.append(Object.assign(document.createElement("small"), { textContent: key }));
    const row = document.createElement("div");
    row.className = key === POOL ? "deck pool" : "deck";
    row.append(...groups.get(key).map(cardButton));
    group.append(title, row);
    return group;
  }));
}

function cardButton(id) {
  const card = state.cards[id];
  const element = button("", () => hold(held === id ? null : id));
  element.className = `card ${colourOf(id)} ${card.reader ? "away" : ""}`;
  element.dataset.card = id;
  element.setAttribute("aria-pressed", held === id);
  const technology = words.technology[card.technology] ?? card.technology;
  const lines = isOfDesk(id) && card.number ? [["b", card.number], ["span", ""], ["em", words.written]] : [["b", cardName(id)], ["span", card.number], ["em", technology]];
  for (const [kind, text] of lines)
    element.append(Object.assign(document.createElement(kind), { textContent: text }));
  return element;
}

function button(text, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}

function drawWords() {
  words = WORDS[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = theme;
  document.title = `${language === "zh" ? "门禁" : "menjin"} · ${nameOf(hall.site)}`;
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
  $("site-name").textContent = nameOf(hall.site);
  $("language").textContent = words.language;
  $("lines").dataset.empty = words.empty;
  $("theme").textContent = theme === "dark" ? words.light : words.dark;
  $("hint").textContent = held ? words.holding(cardName(held)) : words.hint;
  for (const area of hall.site.areas) {
    const [name, under] = parts.labels.get(area.id)?.children ?? [];
    if (name) [name.textContent, under.textContent] = [nameOf(area), otherNameOf(area)];
  }
}

function drawDesk() {
  const desk = deskReader(), element = $("desk");
  $("desk-corner").hidden = !desk;
  if (!desk) return;
  const own = Object.keys(state.cards).filter(isOfDesk), lying = onDesk();
  const another = own.every((id) => state.cards[id].number) ? [Object.assign(button(words.anotherBlank, takeBlank), { className: "chip another" })] : [];
  update($("desk-cards"), [...own.map(cardButton), ...another]);
  element.dataset.reader = desk;
  element.className = lying.length ? "taken" : "";
  element.replaceChildren(...[["b", words.deskReader], ["span", lying.length ? words.deskHolds(lying.map(cardName).join(", ")) : words.desk]]
    .map(([kind, text]) => Object.assign(document.createElement(kind), { textContent: text })));
}

/** From the box: there is always one to write. */
function takeBlank() {
  const id = `blank-${Object.keys(state.cards).filter(isOfDesk).length + 1}`;
  return attempt(() => call("/cards", { id, technology: "desfire-blank", number: "" }));
}

function drawTable() {
  const points = Object.entries(hall.scanners).map(([id, point]) => [id, hall.site.access_points.find((each) => each.id === point)]);
  const oneDoor = new Set(points.map(([, point]) => point.door)).size === 1;
  const ways = points.map(([id, { out }]) => [id, out, oneDoor ? words[out ? "out" : "in"] : scannerName(id)]);
  $("tray").hidden = !(ways.length && (table.papers.length || table.devices.length));
  if (!$("tray").hidden) drawTray(table, ways, words);
  drawVisitors($("visitors"), table.visitors, words);
  drawApplicants($("applicants"), table.applicants, words);
}

function drawAll() {
  drawWords();
  drawDesk();
  $("scan").hidden = !Object.keys(hall.scanners).length;
  drawScanners($("scanners"), hall.scanners, words, scannerName, scan);
  drawTable();
  Object.keys(state.doors).forEach(drawDoor);
  Object.keys(state.readers).forEach(drawReader);
  drawCards();
  drawZones();
  drawCables();
  drawPeople();
}

// hands

function hold(card) {
  held = card;
  document.body.classList.toggle("holding", Boolean(card));
  drawCards();
  drawDesk();
  drawWords();
}

function layOn(reader) {
  if (!held && reader === deskReader()) return attempt(() => call("/remove", { reader }));
  if (!held) return openMenu({ device: reader }, parts.readers.get(reader));
  const card = held;
  hold(null);
  return tap(card, reader);
}

function openMenu(of, anchor) {
  menuOf = of;
  const menu = $("menu");
  drawMenu();
  menu.showPopover();
  const box = anchor.getBoundingClientRect(), own = menu.getBoundingClientRect();
  const left = box.right + 10 + own.width < innerWidth ? box.right + 10 : box.left - own.width - 10;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${Math.max(8, Math.min(box.top, innerHeight - own.height - 8))}px`;
  menu.querySelector("button")?.focus();
}

function drawMenu() {
  if (!menuOf) return;
  const { title, rows, acts } = menuOf.door ? doorMenu(menuOf.door) : deviceMenu(menuOf.device);
  $("menu-title").textContent = title;
  $("menu-facts").replaceChildren(...rows.flatMap(([term, fact]) => [
    Object.assign(document.createElement("dt"), { textContent: term }), Object.assign(document.createElement("dd"), { textContent: fact })]));
  update($("menu-acts"), acts.map(([word, act, mood]) => Object.assign(button(words[word], act), { className: mood ?? "" })));
}

function doorMenu(id) {
  const door = state.doors[id];
  const close = (act) => () => { $("menu").hidePopover(); act(); };
  return {
    title: doorName(id),
    rows: [[words.kind, words[door.kind]], [words.state, facts(door).join(" · ")]],
    acts: [
      ["walkIn", close(() => pass(id, false, 0)), "main"], ["walkOut", close(() => pass(id, true, 0)), "main"],
      ["tailgate", close(() => pass(id, false, 1))], [door.open ? "close" : "push", () => push(id, door.open ? "close" : "open")],
      ["prop", () => push(id, "prop")], ["rex", () => attempt(() => call("/rex", { door: id }))],
      ["force", () => push(id, "force"), "bad"],
      [door.tamper ? "tamperClose" : "tamperOpen", () => attempt(() => call("/tamper", { door: id, clear: door.tamper })), "bad"],
    ],
  };
}

function deviceMenu(id) {
  const device = id === "network" ? state.inputs.network : state.boards[id] ?? state.readers[id] ?? state.scanners[id];
  const act = (name) => () => attempt(() => call("/device", { device: id, act: name }));
  const faults = id === "network" ? ["silent", "normal"] : BOARD_ACTS;
  return {
    title: deviceName(id),
    rows: [[words.state, `${device.plugged ? words.plug : words.unplug} · ${words[device.act]}`]],
    acts: [[device.plugged ? "unplug" : "plug", act(device.plugged ? "unplug" : "plug"), "main"],
      ...faults.filter((each) => each !== device.act).map((each) => [each, act(each), each === "normal" ? "" : "bad"])],
  };
}

function onPlan(event) {
  const reader = event.target.closest("[data-reader]"), door = event.target.closest("[data-door]"), exit = event.target.closest("[data-exit]");
  if (reader) layOn(reader.dataset.reader);
  else if (exit) attempt(() => call("/rex", { door: exit.dataset.exit }));
  else if (door) openMenu({ door: door.dataset.door }, door);
}

// life

function follow() {
  const source = new EventSource("/events");
  let watchdog;
  const alive = () => {
    clearTimeout(watchdog);
    $("link").className = "link on";
    $("link").textContent = words.live;
    watchdog = setTimeout(lost, WATCHDOG_MS);
  };
  const lost = () => {
    $("link").className = "link off";
    $("link").textContent = words.lost;
  };
  source.addEventListener("state", async (event) => {
    state = JSON.parse(event.data);
    table = await (await fetch("/papers")).json();
    drawAll();
    alive();
  });
  source.addEventListener("tick", alive);
  source.addEventListener("change", (event) => {
    alive();
    const { kind, id, state: after } = JSON.parse(event.data);
    if (kind === "papers") {
      table = after;
      drawTable();
      return drawCards();
    }
    const before = kind === "inputs" ? state.inputs : state[`${kind}s`][id];
    if (kind === "inputs") state.inputs = after;
    else state[`${kind}s`][id] = after;
    tell(kind, id, before, after);
    if (kind === "door") drawDoor(id);
    else if (kind === "reader") { drawReader(id); drawCables(); }
    else if (kind === "board" || kind === "scanner") drawCables();
    else if (kind === "card") { drawCards(); drawDesk(); Object.keys(state.readers).forEach(drawReader); }
    else { drawZones(); drawPeople(); drawCables(); }
    if ($("menu").matches(":popover-open")) drawMenu();
  });
  source.addEventListener("error", () => {
    lost();
    if (source.readyState === EventSource.CLOSED) { // the browser gave up: the hall answered something else than a stream
      clearTimeout(watchdog);
      setTimeout(follow, RECONNECT_MS);
    }
  });
}

async function begin() {
  hall = await (await fetch("/site")).json();
  state = await (await fetch("/state")).json();
  table = await (await fetch("/papers")).json();
  layout = layOut(hall.site, hall.plan, hall.readers);
  parts = draw($("floor"), hall.site, layout);
  drawAll();
  $("language").addEventListener("click", () => { language = language === "zh" ? "en" : "zh"; localStorage.setItem("language", language); words = WORDS[language]; drawAll(); });
  $("theme").addEventListener("click", () => { theme = theme === "dark" ? "light" : "dark"; localStorage.setItem("theme", theme); drawWords(); });
  $("floor").addEventListener("click", onPlan);
  $("desk").addEventListener("click", () => layOn(deskReader()));
  $("floor").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    onPlan(event);
  });
  for (const deck of ["cards", "desk-cards"])
    dragCards($(deck), $("ghost"), (card) => {
      document.body.classList.add("holding");
      $("hint").textContent = words.dropping(cardName(card));
    }, (card, reader) => {
      document.body.classList.toggle("holding", Boolean(held));
      drawWords();
      if (reader) tap(card, reader);
    });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && held) hold(null); });
  follow();
}

begin();
