// Draws the table of numbers as stacked bars. The table is the truth: it is there without scripts, for screen readers and on paper.
import uPlot from "./vendor/uplot.js";

const HEIGHT = 260;
const COLOURS = { light: ["#14539e", "#b35900", "#0b6b3a", "#7a2fa0", "#a11212", "#00707a", "#5a6874"], dark: ["#6fa8f0", "#f0a35a", "#6fd39a", "#c99af0", "#ff9a92", "#5fd0da", "#a9b5c3"] };

const place = document.getElementById("chart");
if (place) draw();

function read() {
  const table = document.getElementById("numbers");
  const [, ...names] = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows];
  const at = rows.map((row) => Date.parse(row.dataset.at) / 1000);
  const counts = names.map((_name, column) => rows.map((row) => Number(row.cells[column + 1].textContent)));
  return { names, at, counts };
}

function stacked(counts) {
  const sums = counts[0].map(() => 0);
  return counts.map((column) => column.map((count, row) => (sums[row] += count)));
}

function draw() {
  const { names, at, counts } = read();
  const tops = stacked(counts);
  const hourly = place.dataset.step === "hour";
  const step = hourly ? 3600 : 86400;
  const zone = place.dataset.zone;
  let plot = null;

  function make() {
    const dark = document.documentElement.dataset.bsTheme === "dark" || document.body.dataset.bsTheme === "dark";
    const styles = getComputedStyle(document.body);
    const [ink, line] = [styles.getPropertyValue("--ink").trim(), styles.getPropertyValue("--line").trim()];
    const colours = COLOURS[dark ? "dark" : "light"];
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    const whole = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "short" }); // 2026-11-22 16:00
    const day = (seconds) => whole.format(seconds * 1000).slice(5, 10);
    const minute = (seconds) => whole.format(seconds * 1000).slice(11);
    const told = (seconds) => (seconds === null || seconds === undefined ? "—" : whole.format(seconds * 1000).slice(0, hourly ? undefined : 10));
    const order = names.map((_name, number) => number).reverse(); // the tallest first, so that the others lie upon it
    const series = order.map((number) => ({
      label: names[number],
      stroke: colours[number % colours.length],
      fill: colours[number % colours.length],
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars({ size: [0.85, 60], align: 1 }),
      value: (_plot, _value, _series, row) => (row === null || row === undefined ? "—" : counts[number][row]),
    }));
    plot?.destroy();
    plot = new uPlot({
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      scales: { x: { range: () => [at[0], at.at(-1) + step] }, y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.05)] } },
      series: [{ label: document.getElementById("numbers").tHead.rows[0].cells[0].textContent, value: (_plot, seconds) => told(seconds) }, ...series],
      axes: [
        { ...axis, values: (_plot, ticks, _number, _space, gap) => ticks.map((tick) => (gap >= 86400 || minute(tick) === "00:00" ? day(tick) : minute(tick))) },
        { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000], values: (_plot, ticks) => ticks.map(String) },
      ],
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    }, [at, ...order.map((number) => tops[number])], place);
  }

  make();
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  new MutationObserver(make).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
}

// On paper the numbers stand open.
const numbers = document.getElementById("by-time");
let opened = false;
addEventListener("beforeprint", () => {
  opened = Boolean(numbers && !numbers.open);
  if (opened) numbers.open = true;
});
addEventListener("afterprint", () => { if (opened) numbers.open = false; });
