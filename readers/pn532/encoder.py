"""A PN532 as an :class:`~readers.encoder.Encoder`: writes MIFARE DESFire EV2/EV3 cards."""

import secrets
from collections.abc import Callable

from readers.credentials.card import CardGone
from readers.credentials.desfire_encoding import Encoded, Step, encode
from readers.credentials.keys import EncodingKeys
from readers.encoder import CARRYING_STEPS, EncodingResult
from readers.pn532.chip import Chip
from readers.reader import ReaderFault

ENCODE_BUDGET_S = 6.0
"""After this no further frame goes to the card: it counts as taken away (a card takes well under two seconds)."""
ENCODE_LIMIT_S = 6.5
"""After this nothing is awaited from the chip."""


class Pn532Encoder:
    """See :class:`~readers.encoder.Encoder`."""

    def __init__(self, port: str, keys: EncodingKeys, connect: Callable[[str], Chip] = Chip) -> None:
        self._port = port
        self._keys = keys
        self._connect = connect
        self._chip: Chip | None = None

    def open(self) -> None:
        """Open the port and wake the chip."""
        self.close()
        self._chip = self._connect(self._port)

    def close(self) -> None:
        """Release the port; the chip stays awake."""
        chip, self._chip = self._chip, None
        if chip is not None:
            chip.close()

    def rest(self) -> None:
        """The field is off."""
        chip = self._open_chip()
        chip.begin_poll()
        chip.field_off()

    def look(self, number: str, may_replace: Callable[[str], bool]) -> EncodingResult | None:
        """One look into the field, and the encoding."""
        chip = self._open_chip()
        chip.begin_poll(ENCODE_BUDGET_S, ENCODE_LIMIT_S)
        try:
            return self._look(chip, number, may_replace)
        finally:
            chip.begin_poll()
            chip.field_off()

    def _look(self, chip: Chip, number: str, may_replace: Callable[[str], bool]) -> EncodingResult | None:
        cards = chip.count_type_a()
        if cards > 1:
            return EncodingResult("TWO_CARDS")
        card = chip.select_type_a() if cards else None
        if card is None:
            return None
        uid = card.uid.hex().upper()
        if not card.iso_dep:
            return EncodingResult("NOT_DESFIRE", detail="the card does not speak ISO 14443-4", card=uid)
        reached: list[Step] = ["identify"]
        try:
            outcome = encode(
                card.transceive, card.uid, self._keys, number, may_replace, secrets.token_bytes, reached.append
            )
        except CardGone as gone:
            return EncodingResult("CARD_TAKEN_AWAY", step=reached[-1], detail=str(gone), card=uid)
        except ReaderFault as fault:
            if reached[-1] not in CARRYING_STEPS:
                raise
            return EncodingResult("READER_FAILED", step=reached[-1], detail=str(fault), card=uid)
        if isinstance(outcome, Encoded):
            return EncodingResult("encoded", outcome.number, card=uid)
        return EncodingResult(outcome.reason, outcome.number, outcome.step, outcome.detail, uid)

    def _open_chip(self) -> Chip:
        if self._chip is None:
            raise ReaderFault(f"{self._port}: the reader is not open")
        return self._chip
