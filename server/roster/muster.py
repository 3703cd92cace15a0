"""The list of ``menjin edge muster --json``, as a roster needs it: who is inside, by the numbers on the badges (docs/muster.md)."""

import msgspec

from server.roster.sealed_file import RosterError

MAX_BYTES = 64 * 2**20


class MusterPerson(msgspec.Struct, frozen=True):
    """Somebody inside. ``customer``: a code; ``escort``: the number of who answers for them; ``sure``: nothing since makes it doubtful."""

    number: str
    area: str
    since: str
    customer: str | None = None
    escort: str | None = None
    sure: bool = True


class MusterArea(msgspec.Struct, frozen=True):
    """How many are in an area, at least and (null: not known) at most."""

    area: str
    name_zh: str = ""
    name_en: str = ""
    lowest: int = 0
    highest: int | None = None


class Muster(msgspec.Struct, frozen=True):
    """The list of one edge at one moment. Fields that are not named here are passed over."""

    site: str
    edge: str
    at: str
    areas: tuple[MusterArea, ...] = ()
    people: tuple[MusterPerson, ...] = ()
    warnings: tuple[str, ...] = ()


def read_muster(text: bytes) -> Muster:
    """Raises :class:`RosterError`."""
    try:
        return msgspec.json.decode(text, type=Muster)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RosterError(f"--muster: not what `menjin edge muster --json` prints: {error}") from error
