// Times that people type are the site's, whatever zone the browser is in.

/** "2026-03-02T08:00" at the site as RFC 3339; what is no such time stays as it is, for the server to judge. */
export function momentAtSite(text, zone) {
  const typed = Date.parse(`${text}Z`);
  if (!text.includes("T") || Number.isNaN(typed)) return text;
  let at = typed;
  for (let round = 0; round < 2; round += 1) at = typed - (wallAt(at, zone) - at); // twice: the offset may differ on the other side of a change
  return new Date(at).toISOString();
}

function wallAt(at, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).formatToParts(at);
  const of = (type) => Number(parts.find((one) => one.type === type).value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
}
