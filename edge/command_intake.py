"""Commands: for this session only, once, and only within seconds (DESIGN 9, MEANINGS 20)."""

from controller.commands import EncodeCard
from controller.inputs import CommandArrived
from controller.now import SECOND_US, Now
from controller.wire import CommandOrder
from edge.ports import Journal

COMMAND_LIFE_LIMIT_US = 60 * SECOND_US
"""A command that claims to live longer than this is refused: expiry is counted in seconds."""
COMMAND_ID_LIMIT = 64
COMMAND_BYTES_LIMIT = 16_384
"""A command's whole message; its text goes into a record, which must fit a batch."""


class CommandRefused(Exception):
    """Verified but not obeyed. ``code`` is counted in the status."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class CommandIntake:
    """``session`` is the nonce that commands must carry: new at each connect, published in the status."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.session = ""

    def take(self, order: CommandOrder, size: int, now: Now) -> CommandArrived:
        """The engine's input. The id is in the journal before this returns. Raises :class:`CommandRefused`, and :class:`edge.ports.JournalFault`: then it is not obeyed."""
        if not self.session or order.session != self.session:
            raise CommandRefused("wrong_session", "command for another session of this edge")
        if size > COMMAND_BYTES_LIMIT or not 0 < len(order.command_id) <= COMMAND_ID_LIMIT:
            raise CommandRefused("oversized", f"command of {size} bytes with an id of {len(order.command_id)}")
        if order.expires_at_us <= now.wall_us:
            raise CommandRefused("expired", f"command ended {(now.wall_us - order.expires_at_us) // SECOND_US} s ago")
        if order.expires_at_us > now.wall_us + COMMAND_LIFE_LIMIT_US:
            raise CommandRefused("expiry_too_far", "command claims to live too long; compare the clocks")
        if not self._journal.remember_command(order.command_id, order.expires_at_us):
            raise CommandRefused("replayed", "command id seen before")
        life_us = order.expires_at_us - now.wall_us if isinstance(order.command, EncodeCard) else 0
        return CommandArrived(order.command_id, order.command, order.operator, life_us, order.supervisor)
