// Dragging a card out of the deck onto a reader. A press that does not move stays a click.

const MOVED_PX = 5;

/** `started(card)` when a drag begins, `ended(card, reader)` when it ends; reader is undefined when it was dropped elsewhere. */
export function dragCards(deck, ghost, started, ended) {
  deck.addEventListener("pointerdown", (press) => {
    const source = press.target.closest("[data-card]");
    if (!source || press.button !== 0) return;
    const card = source.dataset.card;
    let dragging = false, over = null;
    const move = (at) => {
      if (!dragging) {
        if (Math.hypot(at.clientX - press.clientX, at.clientY - press.clientY) < MOVED_PX) return;
        dragging = true;
        ghost.replaceChildren(source.cloneNode(true));
        ghost.hidden = false;
        started(card);
      }
      ghost.style.transform = `translate(${at.clientX + 4}px, ${at.clientY + 8}px) rotate(4deg)`;
      over?.classList.remove("over");
      over = readerAt(at);
      over?.classList.add("over");
    };
    const end = (at) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
      ghost.hidden = true;
      over?.classList.remove("over");
      if (!dragging) return;
      swallowClick();
      ended(card, at.type === "pointerup" ? readerAt(at)?.dataset.reader : undefined);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  });
}

function readerAt(at) {
  return document.elementFromPoint(at.clientX, at.clientY)?.closest("[data-reader]") ?? null;
}

/** The browser may send a click after the drop: it is not one. */
function swallowClick() {
  const swallow = (click) => {
    click.stopPropagation();
    click.preventDefault();
  };
  addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", swallow, { capture: true }), 0);
}
