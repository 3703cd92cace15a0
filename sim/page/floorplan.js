// The floor plan: from a site file (areas, doors, access points) and an optional plan (where things stand) to an SVG.
// It knows nothing of the hall: who draws it keeps the state and sets classes on what `draw` returns.

const CELL = 40;
const DIRECTIONS = { up: [0, -1], down: [0, 1], left: [-1, 0], right: [1, 0] };
const DOOR_CELLS = 2;
const NAMESPACE = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Where everything lies, in cells. Rooms and doors that the plan does not name get a place by themselves. */
export function layOut(site, plan, readers) {
  const rooms = new Map(Object.entries(plan.rooms ?? {}).map(([id, room]) => [id, { ...room }]));
  const doors = new Map(Object.entries(plan.doors ?? {}).map(([id, door]) => [id, { ...door }]));
  let { width = 0, height = 13 } = plan;
  const depth = depths(site);
  for (const area of site.areas) {
    if (rooms.has(area.id) || depth.get(area.id) === 0) continue;
    const parent = rooms.get(area.inside);
    const room = parent
      ? { x: parent.x + parent.w - 6, y: parent.y + 1, w: 5, h: parent.h - 4 }
      : { x: Math.max(2, width), y: 2, w: site.areas.some((each) => each.inside === area.id) ? 11 : 6, h: height - 4 };
    rooms.set(area.id, room);
    width = Math.max(width, room.x + room.w + (parent ? 1 : 0));
  }
  width = Math.max(width, 8) + (plan.width ? 0 : 2);
  for (const door of site.doors) {
    if (doors.has(door.id)) continue;
    const point = site.access_points.find((each) => each.door === door.id && !each.out);
    const room = point && (rooms.get(point.to_area) ?? rooms.get(point.from_area));
    const from = point && rooms.get(point.from_area);
    if (!room) continue;
    const besides = from ? from.x + from.w === room.x : room.x === 2; // else through the lower wall
    doors.set(door.id, besides
      ? { x: room.x, y: room.y + room.h / 2 + 1, leaf: "up", swing: "right" }
      : { x: room.x + room.w / 2 - 1.5, y: room.y + room.h, leaf: "right", swing: "up" });
  }
  const layout = { width, height, rooms, doors: new Map(), readers: new Map(), racks: plan.racks ?? [] };
  for (const [id, door] of doors) {
    const along = DIRECTIONS[door.leaf], swing = DIRECTIONS[door.swing];
    const centre = [door.x + along[0] * DOOR_CELLS / 2, door.y + along[1] * DOOR_CELLS / 2];
    const turn = along[0] * swing[1] - along[1] * swing[0];
    layout.doors.set(id, { ...door, along, swing, centre, turn });
  }
  for (const [id, pointId] of Object.entries(readers)) {
    const point = site.access_points.find((each) => each.id === pointId);
    const door = point && layout.doors.get(point.door);
    if (!door) continue;
    const side = roomAt(layout, door.centre, door.swing, 1) === roomOf(rooms, point.from_area) ? 1 : -1;
    layout.readers.set(id, { ...beside(door, DOOR_CELLS / 2 + 0.62, side * 0.62), side, door: point.door, out: point.out });
    if (!point.out) door.inside = -side;
  }
  return layout;
}

/** Draw into `root`. Returns the groups that live: doors, readers, exits (their buttons), rooms, people, by id. */
export function draw(root, site, layout) {
  root.setAttribute("viewBox", `0 0 ${layout.width * CELL} ${layout.height * CELL}`);
  root.replaceChildren();
  const parts = { rooms: new Map(), doors: new Map(), readers: new Map(), exits: new Map(), people: new Map(), labels: new Map() };
  const ground = svg("g", { class: "ground" });
  const walls = svg("g", { class: "walls" });
  root.append(svg("defs", {}, svg("pattern", { id: "dots", width: 20, height: 20, patternUnits: "userSpaceOnUse" }, svg("circle", { cx: 10, cy: 10, r: 1.1, class: "dots" }))));
  ground.append(svg("rect", { width: layout.width * CELL, height: layout.height * CELL, fill: "url(#dots)", class: "street" }));
  root.append(ground, walls);
  for (const area of site.areas) {
    const room = layout.rooms.get(area.id);
    if (room) drawRoom(area, room, ground, walls, parts);
  }
  drawOutside(site, layout, ground, parts);
  for (const racks of layout.racks) ground.append(drawRacks(racks));
  for (const door of site.doors) if (layout.doors.has(door.id)) drawDoor(door.id, layout.doors.get(door.id), root, parts);
  for (const [id, reader] of layout.readers) drawReader(id, reader, root, parts);
  return parts;
}

function drawRoom(area, room, ground, walls, parts) {
  const box = { x: room.x * CELL, y: room.y * CELL, width: room.w * CELL, height: room.h * CELL };
  const nested = area.inside !== undefined && area.inside !== null;
  const floor = svg("rect", { ...box, class: nested ? "floor cage" : "floor" });
  ground.append(floor);
  walls.append(svg("rect", { ...box, class: nested ? "wall cage" : "wall" }));
  const label = svg("g", { class: "label", transform: `translate(${box.x + 14} ${box.y + 26})` },
    svg("text", { class: "name" }), svg("text", { class: "under", y: 17 }));
  const people = svg("g", { class: "people", transform: `translate(${box.x + box.width - 18} ${box.y + 24})` });
  ground.append(label, people);
  parts.rooms.set(area.id, floor);
  parts.labels.set(area.id, label);
  parts.people.set(area.id, people);
}

function drawOutside(site, layout, ground, parts) {
  const area = site.areas.find((each) => !layout.rooms.has(each.id));
  if (!area) return;
  const label = svg("g", { class: "label outside", transform: `translate(${CELL * 2} ${CELL * 1.05})` }, svg("text", { class: "name" }), svg("text", { class: "under", y: 17 }));
  ground.append(label);
  parts.labels.set(area.id, label);
}

function drawRacks({ x, y, count, customer }) {
  const row = svg("g", { class: customer ? "racks owned" : "racks", transform: `translate(${x * CELL} ${y * CELL})` });
  for (let n = 0; n < count; n += 1) {
    row.append(svg("rect", { x: n * CELL, y: 0, width: CELL - 4, height: CELL * 0.9, rx: 3 }));
    for (let unit = 0; unit < 4; unit += 1) {
      row.append(svg("line", { x1: n * CELL + 6, x2: n * CELL + 23, y1: 8 + unit * 7, y2: 8 + unit * 7 }));
      row.append(svg("circle", { cx: n * CELL + 29, cy: 8 + unit * 7, r: 1.3, class: `lamp d${(n * 3 + unit * 5) % 4}` }));
    }
  }
  return row;
}

function drawDoor(id, door, root, parts) {
  const length = DOOR_CELLS * CELL;
  const [ax, ay] = door.along, [x, y] = [door.x * CELL, door.y * CELL];
  const open = [door.swing[0] * length, door.swing[1] * length];
  const arc = `M ${ax * length} ${ay * length} A ${length} ${length} 0 0 ${door.turn > 0 ? 1 : 0} ${open[0]} ${open[1]}`;
  const leaf = svg("g", { class: "leaf" },
    svg("line", { x1: 0, y1: 0, x2: ax * (length - 2), y2: ay * (length - 2) }),
    svg("circle", { cx: ax * (length - 11) + door.swing[0] * 5, cy: ay * (length - 11) + door.swing[1] * 5, r: 2.4, class: "handle" }));
  leaf.style.setProperty("--turn", `${door.turn * 78}deg`);
  const lock = svg("g", { class: "lock", transform: `translate(${ax * length / 2 - door.swing[0] * 19} ${ay * length / 2 - door.swing[1] * 19})` },
    svg("circle", { r: 11, class: "disc" }), svg("path", { d: "M-3 -1 v-2.6 a3 3 0 0 1 6 0 v2.6", class: "shackle" }),
    svg("rect", { x: -4.6, y: -1, width: 9.2, height: 7, rx: 1.6, class: "body" }));
  const group = svg("g", { class: "door", role: "button", tabindex: 0, "data-door": id, transform: `translate(${x} ${y})` },
    svg("rect", { class: "hit", x: Math.min(0, ax * length, open[0]) - 16, y: Math.min(0, ay * length, open[1]) - 6,
      width: Math.abs(ax * length) + Math.abs(open[0]) + 22, height: Math.abs(ay * length) + Math.abs(open[1]) + 12, rx: 8 }),
    svg("line", { class: "opening", x1: 0, y1: 0, x2: ax * length, y2: ay * length }),
    svg("path", { class: "swing", d: arc }), leaf, lock, svg("circle", { r: 4, class: "hinge" }));
  root.append(group);
  parts.doors.set(id, group);
  if (door.inside === undefined) return;
  const place = beside(door, -DOOR_CELLS / 2 - 0.62, door.inside * 0.62);
  const exit = svg("g", { class: "exit", role: "button", tabindex: 0, "data-exit": id, transform: `translate(${place.x * CELL} ${place.y * CELL})` },
    svg("rect", { x: -13, y: -13, width: 26, height: 26, rx: 6, class: "plate" }), svg("circle", { r: 8, class: "button" }),
    svg("path", { d: "M-3.4 0 h6 M0.4 -2.6 L3 0 L0.4 2.6", class: "arrow" }));
  root.append(exit);
  parts.exits.set(id, exit);
}

function drawReader(id, { x, y }, root, parts) {
  const group = svg("g", { class: "reader", role: "button", tabindex: 0, "data-reader": id, transform: `translate(${x * CELL} ${y * CELL})` },
    svg("rect", { x: -22, y: -22, width: 44, height: 44, class: "hit", rx: 12 }),
    svg("rect", { x: -13, y: -16, width: 26, height: 32, rx: 6, class: "plate" }),
    svg("path", { d: "M-5 5 a7 7 0 0 1 10 0 M-2.4 8 a3.4 3.4 0 0 1 4.8 0", class: "waves" }),
    svg("circle", { cy: -6, r: 4.6, class: "led" }),
    svg("path", { d: "M-11 -14 L11 14", class: "cut" }),
    svg("g", { class: "lying" }));
  root.append(group);
  parts.readers.set(id, group);
}

function beside(door, along, across) {
  return { x: door.centre[0] + door.along[0] * along + door.swing[0] * across, y: door.centre[1] + door.along[1] * along + door.swing[1] * across };
}

function roomAt(layout, [x, y], [dx, dy], far) {
  const [px, py] = [x + dx * far * 0.5, y + dy * far * 0.5];
  const hits = [...layout.rooms.values()].filter((r) => px > r.x && px < r.x + r.w && py > r.y && py < r.y + r.h);
  return hits.sort((a, b) => a.w * a.h - b.w * b.h)[0];
}

function roomOf(rooms, area) {
  return rooms.get(area);
}

/** How many doors lie between each area and the street; the first public area is the street. */
function depths(site) {
  const start = (site.areas.find((area) => area.public) ?? site.areas[0]).id;
  const depth = new Map([[start, 0]]);
  for (const id of depth.keys())
    for (const point of site.access_points)
      if (point.from_area === id && !depth.has(point.to_area)) depth.set(point.to_area, depth.get(id) + 1);
  return depth;
}
