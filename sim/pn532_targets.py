"""Finding and keeping cards: InListPassiveTarget's search, and the one or two targets that the chip keeps.

Two type A cards at once: their ATQAs overlay, anticollision takes the one whose UID has a 1 at the first differing bit, as the
chip does; with MaxTg 2 the first is halted and the second found after it. Two FeliCa cards answer in time slots; in the same
slot they destroy each other's answer.
"""

from dataclasses import dataclass

from sim.cards.card import Card, TypeACard, TypeAState
from sim.field import Field
from sim.pn532_registers import REQA_IN_FIFO, Registers

FIELD_GUARD_S = 0.005
"""Unmodulated field before the first request (ISO 14443-3)."""
REQUEST_S = 0.0006
"""One REQA or WUPA and its answer, or the wait for none."""
LEVEL_S = 0.0014
"""Anticollision and select of one cascade level."""
FELICA_FIRST_S, FELICA_SLOT_S = 0.00242, 0.00121
FOREVER = 0xFF
CASCADE = 0x88
HALT = b"\x50\x00"
ANTICOLLISION_IN_FIFO = 0x93


def anticollision_order(uid: bytes) -> tuple[int, ...]:
    """Bits of a UID in the order of the air; the greatest wins anticollision."""
    sent = uid if len(uid) == 4 else bytes([CASCADE]) + uid
    return tuple(byte >> bit & 1 for byte in sent for bit in range(8))


@dataclass(frozen=True, slots=True)
class Target:
    """An activated card by its number (Tg) and how the chip calls it again."""

    number: int
    card: Card
    uid: bytes
    mode: str


class Targets:
    """The activated cards, at most two."""

    def __init__(self, field: Field, registers: Registers) -> None:
        self.field = field
        self.registers = registers
        self.retries = FOREVER
        """MxRtyPassiveActivation."""
        self.field_guard_s = FIELD_GUARD_S
        self._targets: dict[int, Target] = {}

    def __len__(self) -> int:
        return len(self._targets)

    def status(self) -> bytes:
        """GetGeneralStatus's part: Tg, rates, type of each."""
        rate = {"106A": 0, "212F": 1, "424F": 2}
        kind = {"A": 0x00, "F": 0x10}
        return b"".join(
            bytes([each.number, rate[each.mode], rate[each.mode], kind[each.mode[-1]]])
            for each in self._targets.values()
        )

    def search(self, most: int, kind: int, wanted: bytes) -> "Search | None":
        """A search for up to ``most`` cards of BrTy ``kind``; None when ``wanted`` (initiator data) is impossible."""
        self._targets.clear()
        if kind == 0:
            uid = wanted[1:] if len(wanted) == 8 and wanted[0] == CASCADE else wanted
            if len(uid) not in (0, 4, 7):
                return None
            return Search(self, "106A", most, uid)
        if kind in (1, 2):
            if len(wanted) != 5 or wanted[0] != 0x00:
                return None
            return Search(self, "212F" if kind == 1 else "424F", most, wanted)
        return Search(self, "none", most, b"")

    def keep(self, card: Card, uid: bytes, mode: str) -> int:
        number = len(self._targets) + 1
        self._targets[number] = Target(number, card, uid, mode)
        return number

    def choose(self, number: int) -> bool:
        """Make this target the one that is spoken to."""
        target = self._targets.get(number)
        if target is None:
            return False
        if not isinstance(target.card, TypeACard):
            return True
        if target.card.state in (TypeAState.ACTIVE, TypeAState.PROTOCOL):
            return True
        for other in self._targets.values():
            if other is not target:
                self._send_away(other)
        self.field.request(wake=True)
        return self.field.select(target.uid) is not None

    def deselect(self, number: int) -> bool:
        """HLTA or S(DESELECT) to this target, 0 for all."""
        chosen = [each for each in self._targets.values() if number in (0, each.number)]
        for target in chosen:
            self._send_away(target)
        return bool(chosen) or number == 0

    def release(self, number: int) -> bool:
        """Deselect and forget."""
        done = self.deselect(number)
        for each in list(self._targets):
            if number in (0, each):
                del self._targets[each]
        return done

    def _send_away(self, target: Target) -> None:
        if isinstance(target.card, TypeACard):
            protocol = target.card.state is TypeAState.PROTOCOL
            self.field.exchange("A", b"\xc2" if protocol else HALT)


class Search:
    """One InListPassiveTarget, attempt by attempt."""

    def __init__(self, targets: Targets, mode: str, most: int, wanted: bytes) -> None:
        self._targets = targets
        self._field = targets.field
        self._registers = targets.registers
        self._mode = mode
        self._most = most
        self._wanted = wanted
        self._left = targets.retries
        if mode != "none":
            self._registers.set_mode(mode)

    def attempt(self) -> tuple[float, bytes | None]:
        """(time taken, answer) of one attempt; no answer means: try again after that time."""
        if self._mode == "106A":
            took_s, found = self._attempt_a()
        elif self._mode == "none":
            took_s, found = REQUEST_S, []
        else:
            took_s, found = self._attempt_f()
        if not found:
            if self._left == 0:
                return took_s, b"\x00"
            if self._left != FOREVER:
                self._left -= 1
            return took_s, None
        return took_s, bytes([len(found)]) + b"".join(found)

    def _attempt_a(self) -> tuple[float, list[bytes]]:
        took_s = REQUEST_S
        found: list[bytes] = []
        first = self._activate(wake=False)
        if first is None:
            return took_s, found
        took_s += self._level_s(first[0])
        found.append(self._described(*first))
        if self._most == 2:
            self._field.exchange("A", HALT)
            second = self._activate(wake=False)
            took_s += REQUEST_S
            if second is None:
                self._field.request(wake=True)
                self._field.select(first[0].uid)
            else:
                took_s += self._level_s(second[0])
                found.append(self._described(*second))
        return took_s, found

    def _activate(self, wake: bool) -> tuple[TypeACard, bytes] | None:
        """Request, anticollision, select: the card and the ATQA in the air."""
        answering = self._field.request(wake)
        if not answering:
            self._registers.fifo = REQA_IN_FIFO
            return None
        atqa = bytes(2)
        for card in answering:
            atqa = bytes(a | b for a, b in zip(atqa, card.atqa, strict=True))
        uid = self._wanted or max((card.uid for card in answering), key=anticollision_order)
        card_selected = self._field.select(uid)
        if card_selected is None:
            self._registers.fifo = ANTICOLLISION_IN_FIFO
            return None
        self._registers.fifo = card_selected.sak
        return card_selected, atqa

    def _described(self, card: TypeACard, atqa: bytes) -> bytes:
        number = self._targets.keep(card, card.uid, self._mode)
        return bytes([number]) + atqa[::-1] + bytes([card.sak, len(card.uid)]) + card.uid

    def _level_s(self, card: TypeACard) -> float:
        return LEVEL_S * (1 if len(card.uid) == 4 else 2)

    def _attempt_f(self) -> tuple[float, list[bytes]]:
        slots = self._wanted[4] + 1
        took_s = FELICA_FIRST_S + slots * FELICA_SLOT_S
        frame = bytes([len(self._wanted) + 1]) + self._wanted
        answers = self._field.exchange("F", frame)
        times = [answer.reply.after_s for answer in answers]
        alone = [answer for answer in answers if times.count(answer.reply.after_s) == 1]
        found = []
        for answer in sorted(alone, key=lambda each: each.reply.after_s)[: self._most]:
            number = self._targets.keep(answer.card, answer.card.uid, self._mode)
            found.append(bytes([number]) + answer.reply.data)
        return took_s, found
