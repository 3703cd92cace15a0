"""What one DESFire command works on: the card's applications, the one selected, the session, and the status to end with."""

from dataclasses import dataclass

from sim.cards.desfire_channels import Channel
from sim.cards.desfire_memory import BLOCK_BYTES, CARD_BYTES, MAC, PLAIN, Application
from sim.cards.ev2 import Session

PICC = bytes(3)
"""Application 000000, the card itself."""

# Status codes (second byte after 91).
OK, MORE = 0x00, 0xAF
OUT_OF_MEMORY, ILLEGAL_COMMAND, INTEGRITY_ERROR, NO_SUCH_KEY, LENGTH_ERROR = 0x0E, 0x1C, 0x1E, 0x40, 0x7E
PERMISSION_DENIED, PARAMETER_ERROR, APPLICATION_NOT_FOUND = 0x9D, 0x9E, 0xA0
AUTHENTICATION_ERROR, BOUNDARY_ERROR, DUPLICATE, FILE_NOT_FOUND = 0xAE, 0xBE, 0xDE, 0xF0


class Refused(Exception):
    """The command ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"91 {status:02X}")
        self.status = status


def exactly(data: bytes, size: int) -> bytes:
    """``data`` if it has ``size`` bytes. Raises :class:`Refused`."""
    if len(data) != size:
        raise Refused(LENGTH_ERROR)
    return data


@dataclass
class Context:
    """See the module's docstring."""

    applications: dict[bytes, Application]
    selected: bytes = PICC
    session: Channel | None = None

    @property
    def application(self) -> Application:
        return self.applications[self.selected]

    @property
    def authenticated(self) -> int | None:
        """The key of the session, if there is one."""
        return None if self.session is None else self.session.key_number

    @property
    def command_mode(self) -> int:
        """How a command without a file is protected: EV2 sessions put a MAC on it, older ones none."""
        return MAC if isinstance(self.session, Session) else PLAIN

    @property
    def free_bytes(self) -> int:
        return CARD_BYTES - BLOCK_BYTES * sum(each.blocks for aid, each in self.applications.items() if aid != PICC)

    def opened(self, code: int, data: bytes) -> bytes:
        """The data of a command without a file, in plain."""
        return data if self.session is None else self.session.opened(code, data, self.command_mode, 0)

    def closed(self, data: bytes = b"") -> tuple[bytes, int]:
        """The answer of such a command."""
        return (data if self.session is None else self.session.closed(OK, data, self.command_mode)), OK

    def at_the_card(self) -> None:
        """For commands on the card itself. Raises :class:`Refused` inside an application."""
        if self.selected != PICC:
            raise Refused(PERMISSION_DENIED)

    def in_an_application(self) -> None:
        """For commands on files. Raises :class:`Refused` on the card itself."""
        if self.selected == PICC:
            raise Refused(PERMISSION_DENIED)

    def allowed(self, freedom: int) -> None:
        """Raises :class:`Refused` where the master key is needed and not there."""
        if not self.application.allows(freedom, self.authenticated):
            raise Refused(AUTHENTICATION_ERROR)

    def fits(self) -> None:
        """Raises :class:`Refused` when what was just made is more than the card holds."""
        if self.free_bytes < 0:
            raise Refused(OUT_OF_MEMORY)
