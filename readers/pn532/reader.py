"""A PN532 as a :class:`~readers.reader.Reader`: which card lies there, who it says it is, when it has gone.

Supports DESFire EV2/EV3, Ultralight C, FeliCa Lite-S and bare UIDs, in that order, as configured. No display: the indicators
are channels of the relay board (MEANINGS 29).
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass

from readers.credentials import desfire, felica, uid, ultralight_c
from readers.credentials.card import CardGone, NotAuthenticated, NotOurs, Outcome, Verified
from readers.credentials.keys import CardKeys
from readers.pn532.chip import Chip, FelicaCard, TypeACard
from readers.reader import Presentation, ReaderFault, Technology

ORDER: tuple[Technology, ...] = ("desfire", "ultralight-c", "felica-lite-s", "uid")
"""In which technologies are tried."""
INCOMPLETE_LIMIT = 3
"""A card that stays but breaks off this often in a row is refused: it is not being taken away."""
GONE_AFTER_LOOKS = 5
"""Several cards count as gone after so many looks that found none: FeliCa cards that answer in one slot hide each other."""

_Card = TypeACard | FelicaCard


@dataclass(slots=True)
class _Held:
    """What lies on the reader and has been presented."""

    technology: Technology
    there: Callable[[], bool]
    uid: bytes = b""


class Pn532Reader:
    """See :class:`~readers.reader.Reader`. ``credentials``: which technologies to read; the keys they need must be there
    (``readers.drivers`` checks)."""

    def __init__(
        self, port: str, credentials: Collection[str], keys: CardKeys, connect: Callable[[str], Chip] = Chip
    ) -> None:
        self._port = port
        self._technologies = [technology for technology in ORDER if technology in credentials]
        self._keys = keys
        self._connect = connect
        self._chip: Chip | None = None
        self._held: _Held | None = None
        self._lay_there = b""
        """The UID of the card that was held when the reader failed: lying there still, it is not presented again."""
        self._broken_off = 0

    def open(self) -> None:
        """Open the port and wake the chip."""
        self.close()
        self._chip = self._connect(self._port)

    def close(self) -> None:
        """Release the port; the chip stays awake."""
        chip, self._chip = self._chip, None
        if chip is not None:
            chip.close()
        if self._held is not None:
            self._lay_there, self._held = self._held.uid, None

    def poll(self) -> Presentation | None:
        """One look into the field."""
        if self._chip is None:
            raise ReaderFault(f"{self._port}: the reader is not open")
        self._chip.begin_poll()
        if self._held is not None:
            if self._held.there():
                return None
            gone, self._held = self._held, None
            return Presentation("removed", gone.technology)
        lay_there, self._lay_there = self._lay_there, b""
        return self._look(self._chip, lay_there)

    def _look(self, chip: Chip, lay_there: bytes) -> Presentation | None:
        type_a, type_f = self._count(chip)
        if type_a + type_f == 0:
            self._broken_off = 0
            chip.field_off()
            return None
        if type_a + type_f > 1:
            self._held = _Held("unknown", lambda: self._any(chip))
            return Presentation("two_cards", "unknown")
        card = self._select(chip, felica_found=type_f > 0)
        if card is None:
            return None  # gone again before it was selected: never presented
        if lay_there and card.uid == lay_there:
            self._hold(chip, card, "unknown")
            return None
        return self._read(chip, card)

    def _count(self, chip: Chip) -> tuple[int, int]:
        """Cards of type A and FeliCa cards in a field that was off before."""
        type_f = chip.count_felica() if "felica-lite-s" in self._technologies else 0
        # last: the selection of a single type A card builds on it
        type_a = chip.count_type_a() if self._technologies != ["felica-lite-s"] else 0
        return type_a, type_f

    def _any(self, chip: Chip) -> bool:
        for _ in range(GONE_AFTER_LOOKS):
            chip.field_off()
            if sum(self._count(chip)) > 0:
                return True
        return False

    def _select(self, chip: Chip, felica_found: bool) -> _Card | None:
        if felica_found:
            return chip.select_felica()
        quickly = chip.select_counted() if self._broken_off == 0 else None
        return quickly or chip.select_type_a()

    def _read(self, chip: Chip, card: _Card) -> Presentation:
        started_us = chip.clock_us()
        technology: Technology = "unknown"
        outcome: Outcome = NotOurs("none of the configured technologies")
        try:
            for way, read in self._ways(card):
                technology = way
                outcome = read()
                if not isinstance(outcome, NotOurs):
                    break
        except CardGone:
            self._broken_off += 1
            if self._broken_off < INCOMPLETE_LIMIT:
                chip.field_off()
                return Presentation("incomplete", technology)
            outcome = NotAuthenticated("the card stays but does not complete the exchange")
        exchange_us = chip.clock_us() - started_us
        self._broken_off = 0
        self._hold(chip, card, technology)
        if not isinstance(outcome, Verified):
            return Presentation("not_authenticated", technology, exchange_us=exchange_us)
        if technology == "uid":
            return Presentation("read", technology, outcome.number)
        return Presentation("read", technology, outcome.number, "authenticated", exchange_us)

    def _ways(self, card: _Card) -> list[tuple[Technology, Callable[[], Outcome]]]:
        """The readings that this card's type allows, in order."""
        ways: dict[Technology, Callable[[], Outcome]] = {"uid": lambda: _bare_uid(card.uid)}
        keys = self._keys
        if isinstance(card, FelicaCard):
            if card.lite_s and keys.felica_lite_s is not None:
                master_felica = keys.felica_lite_s
                ways["felica-lite-s"] = lambda: felica.read(
                    card.authenticate, card.read_with_mac, card.uid, master_felica
                )
        elif card.iso_dep and keys.desfire_read is not None:
            master_desfire = keys.desfire_read
            ways["desfire"] = lambda: desfire.read(card.transceive, card.uid, master_desfire, secrets.token_bytes)
        elif card.type_2 and keys.ultralight_c is not None:
            tag, master_ultralight = card.ultralight_c(), keys.ultralight_c
            ways["ultralight-c"] = lambda: ultralight_c.read(
                tag.transceive, tag.authenticate, card.uid, master_ultralight
            )
        return [(technology, ways[technology]) for technology in self._technologies if technology in ways]

    def _hold(self, chip: Chip, card: _Card, technology: Technology) -> None:
        """Watch the card until it leaves. A card with a fixed UID may be selected anew to see whether it is there; one that
        makes up its UID would come back as another card and is asked over its open session instead."""
        if isinstance(card, FelicaCard):
            self._held = _Held(technology, lambda: _same(chip.select_felica(), card.uid), card.uid)
        elif uid.number(card.uid) is None:
            self._held = _Held(technology, lambda: card.answers() or card.answers())
        else:
            self._held = _Held(
                technology, lambda: card.answers() or _same(chip.select_type_a(card.uid), card.uid), card.uid
            )


def _same(card: _Card | None, card_uid: bytes) -> bool:
    return card is not None and card.uid == card_uid


def _bare_uid(card_uid: bytes) -> Outcome:
    number = uid.number(card_uid)
    return NotAuthenticated("a random identifier names nobody") if number is None else Verified(number)
