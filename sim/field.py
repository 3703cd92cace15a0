"""The radio field of one reader and the cards in it. ::

    field = Field()
    field.put(card); field.remove(card)     # verbs, from any thread, at any moment, mid-transaction too

Service for the chip: ``power``, ``request``, ``select``, ``exchange``. A card taken out loses power at once; whoever still waits
for its answer checks :meth:`present` when the answer would be due.
"""

import threading  # one lock: people put cards down in another thread than the chip's
from dataclasses import dataclass, replace

from sim.cards.card import Card, Reply, TypeACard

CARDS_MAX = 16
"""More do not fit on an antenna."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A card's reply in the air; ``presence`` identifies this stay of this card in the field."""

    card: Card
    presence: int
    reply: Reply


class Field:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._cards: dict[int, Card] = {}
        self._count = 0
        self._on = False

    # verbs -----------------------------------------------------------------

    def put(self, card: Card) -> None:
        """Lay a card on the reader. Raises ValueError when it lies there already or the field is full."""
        with self._lock:
            if any(each is card for each in self._cards.values()):
                raise ValueError("this card is in the field already")
            if len(self._cards) >= CARDS_MAX:
                raise ValueError(f"no more than {CARDS_MAX} cards fit in the field")
            self._count += 1
            self._cards[self._count] = card
            if self._on:
                card.power(True)

    def remove(self, card: Card | None = None) -> None:
        """Take this card away, or all of them. Harmless when it is not there."""
        with self._lock:
            for presence, each in list(self._cards.items()):
                if card is None or each is card:
                    del self._cards[presence]
                    each.power(False)

    @property
    def cards(self) -> list[Card]:
        with self._lock:
            return list(self._cards.values())

    # service ---------------------------------------------------------------

    @property
    def on(self) -> bool:
        return self._on

    def power(self, on: bool) -> None:
        """Switch the radio field; cards lose or gain power when it changes."""
        with self._lock:
            if on != self._on:
                self._on = on
                for card in self._cards.values():
                    card.power(on)

    def present(self, presence: int) -> bool:
        """Whether this stay of a card still lasts and is powered."""
        with self._lock:
            return self._on and presence in self._cards

    def request(self, wake: bool) -> list[TypeACard]:
        """The type A cards that answer REQA (WUPA when ``wake``)."""
        with self._lock:
            if not self._on:
                return []
            return [card for card in self._cards.values() if isinstance(card, TypeACard) and card.request(wake)]

    def select(self, uid: bytes) -> TypeACard | None:
        """Finish anticollision with ``uid``; every other card falls back."""
        with self._lock:
            chosen = None
            for card in self._cards.values():
                if isinstance(card, TypeACard) and card.select(uid) and chosen is None:
                    chosen = card
            return chosen

    def exchange(self, modulation: str, frame: bytes) -> list[Answer]:
        """Send a frame to all cards of this modulation: what comes back, more than one being a collision."""
        with self._lock:
            if not self._on:
                return []
            answers = []
            for presence, card in list(self._cards.items()):
                if card.modulation == modulation and (reply := card.transceive(frame)) is not None:
                    answers.append(Answer(card, presence, replace(reply, after_s=reply.after_s + card.late_s)))
            return answers
