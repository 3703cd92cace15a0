// Alarms on a page that does not show them: they sound as on the monitor, and the tab says how many stand.
import { beginSound, hearAlarms, hearLost } from "./sound.js";

const title = document.title;
const standing = { alarms: 0, waiting: 0 };
const COUNTED = { alarms: ".alarm", waiting: ".confirm" };
let up = false;

export function hearAlarmsHere(_) {
  beginSound(_);
  document.addEventListener("live", ({ detail }) => {
    if (detail.type === "panels") show(detail.panels);
    if (detail.type === "down" && up) hearLost();
    if (detail.type === "up" || detail.type === "down") up = detail.type === "up";
  });
}

function show(panels) {
  const parts = Object.fromEntries(Object.entries(panels).map(([name, html]) => {
    const template = document.createElement("template");
    template.innerHTML = html; // the server's own rendering, escaped there
    return [name, template.content];
  }));
  for (const [name, selector] of Object.entries(COUNTED)) if (parts[name]) standing[name] = parts[name].querySelectorAll(selector).length;
  const count = standing.alarms + standing.waiting;
  document.title = (count ? `(${count}) ` : "") + title;
  hearAlarms(parts);
}
