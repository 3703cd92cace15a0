"""ISO/IEC 14443-4 on the card's side: RATS, PPS, and the half-duplex block protocol with its chaining rules.

Block numbering follows the standard's rules C, D, E (7.5.3.2) and 9 to 13 (7.5.4.3) for the PICC.
"""

from sim.cards.card import Reply, TypeACard, TypeAState

FSD_BYTES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
BLOCK_OVERHEAD_BYTES = 3  # PCB and CRC
RATS_S = 0.0006
BLOCK_S = 0.0003
"""Turning a block around, before any command is worked on."""
COMMAND_MAX_BYTES = 512


class IsoDepCard(TypeACard):
    """A type 4A card. Subclasses work on whole commands in :meth:`command`."""

    def __init__(self, uid: bytes, atqa: bytes, sak: int, ats: bytes) -> None:
        self._ats = ats
        super().__init__(uid, atqa, sak)
        self.forget()

    def forget(self) -> None:
        self._block_number = 1  # rule C
        self._received = b""
        self._to_send = b""
        self._last: Reply | None = None
        self._information_bytes = FSD_BYTES[2] - BLOCK_OVERHEAD_BYTES
        self.forget_session()

    def forget_session(self) -> None:
        """Lose what the application holds while powered."""

    def command(self, apdu: bytes) -> tuple[bytes, float] | None:
        """Work on one command: the response and how long it took, in seconds; None when power failed on the way."""
        raise NotImplementedError

    def answer(self, frame: bytes) -> Reply | None:
        if self.state is TypeAState.ACTIVE:
            return self._activate(frame)
        pcb = frame[0]
        if pcb & 0xE2 == 0x02:
            reply = self._information(pcb, frame[1:])
        elif pcb & 0xE6 == 0xA2:
            reply = self._acknowledge(pcb)
        elif pcb & 0xF7 == 0xC2:  # S(DESELECT)
            self.state = TypeAState.HALT
            self.forget()
            return Reply(frame, BLOCK_S)
        elif pcb & 0xF0 == 0xD0 and self._last is None:
            return self._select_parameters(frame)
        else:
            return None
        self._last = reply
        return reply

    def _activate(self, frame: bytes) -> Reply | None:
        if len(frame) != 2 or frame[0] != 0xE0:
            self.fall_back()
            return None
        fsd = FSD_BYTES[min(frame[1] >> 4, len(FSD_BYTES) - 1)]
        self._information_bytes = fsd - BLOCK_OVERHEAD_BYTES
        self.state = TypeAState.PROTOCOL
        return Reply(self._ats, RATS_S)

    def _select_parameters(self, frame: bytes) -> Reply | None:
        """PPS: granted only where it asks for what runs already, 106 kbit/s both ways."""
        if len(frame) == 3 and frame[1] == 0x11 and frame[2] == 0x00:
            return Reply(frame[:1], BLOCK_S)
        return None

    def _information(self, pcb: int, information: bytes) -> Reply | None:
        if pcb & 0x08:
            return None  # a CID was never assigned
        self._block_number ^= 1  # rule D
        self._received += information
        if len(self._received) > COMMAND_MAX_BYTES:
            self._received = b""
            return None
        if pcb & 0x10:
            return Reply(bytes([0xA2 | self._block_number]), BLOCK_S)
        command, self._received = self._received, b""
        answered = self.command(command)
        if answered is None:
            return None
        self._to_send, took_s = answered
        return self._next_block(BLOCK_S + took_s)

    def _acknowledge(self, pcb: int) -> Reply | None:
        if pcb & 1 == self._block_number:
            return self._last  # rule 11: what was lost comes again
        if pcb & 0x10:
            return Reply(bytes([0xA2 | self._block_number]), BLOCK_S)  # rule 12
        if self._to_send:  # rule 13, rule E
            self._block_number ^= 1
            return self._next_block(BLOCK_S)
        return None

    def _next_block(self, after_s: float) -> Reply:
        part, self._to_send = self._to_send[: self._information_bytes], self._to_send[self._information_bytes :]
        return Reply(bytes([(0x12 if self._to_send else 0x02) | self._block_number]) + part, after_s)
