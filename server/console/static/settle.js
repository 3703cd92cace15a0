// A button that acts at once takes a finger only where it has stood still as long as a person needs to see it: else a list that moves up puts another
// person's, another paper's button under a finger that was on its way. Such buttons are [data-settles]; console.css lets no pointer at them before they
// are "still". The keyboard is where its focus is, and needs none of it.
const READ_MS = 700;
const settling = new WeakMap(); // button → timer

// Runs `change`, which puts parts of the page in place; what comes or moves by it settles anew. Without one: all that came with the page.
export function settle(change = () => {}) {
  const before = new Map(buttons().map((one) => [nameOf(one), { place: placeOf(one), state: one.dataset.settles }]));
  change();
  for (const one of buttons()) {
    const then = before.get(nameOf(one));
    if (then?.place === placeOf(one) && then.state === "still") one.dataset.settles = "still";
    else if (then?.place !== placeOf(one) || !settling.has(one)) begin(one);
  }
}

function begin(button) {
  button.dataset.settles = "";
  clearTimeout(settling.get(button));
  settling.set(button, setTimeout(() => { button.dataset.settles = "still"; }, READ_MS));
}

const buttons = () => [...document.querySelectorAll("[data-settles]")];

// The same button on another drawing of the page.
const nameOf = (button) => `${button.form?.dataset.api ?? button.closest("[data-item]").dataset.item} ${button.dataset.act}`;

function placeOf(button) {
  const { x, y } = button.getBoundingClientRect();
  return `${Math.round(x)} ${Math.round(y)}`;
}
