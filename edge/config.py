"""``edge.toml``: what hardware this edge has and how it is wired (docs/interfaces.md; DESIGN 6, MEANINGS 27-29).

:func:`load_config` reads and checks it whole. Every :class:`ConfigError` is one line: which file, which key, what to do.
"""

import hashlib
import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from controller.site import DoorHardware, Site
from controller.site_checks import site_mismatch
from edge.config_checks import input_lines, problems
from edge.private_file import PrivateFileError, refuse_readable_by_others
from readers.scanners import DEFAULT_BAUD

_BROKER_PORT = 1883
_BROKER_TLS_PORT = 8883
_BROKER_FILES = ("ca", "certificate", "key", "password_file")
_SECRET_BROKER_FILES = ("key", "password_file")


class ConfigError(ValueError):
    """``edge.toml`` cannot be used. One line: file, key, what to do."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Broker(_Table, frozen=True):
    """``mqtt://host:port`` (loopback or a trusted wire) or ``mqtts://`` with ``ca`` and the client ``certificate``, ``key``."""

    url: str
    ca: str = ""
    certificate: str = ""
    key: str = ""
    username: str = ""
    password_file: str = ""

    @property
    def tls(self) -> bool:
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (_BROKER_TLS_PORT if self.tls else _BROKER_PORT)


class BoardLine(_Table, frozen=True):
    """One relay board on one serial line. ``baud`` 0: the driver's own. ``unit``: the Modbus address."""

    id: str
    driver: str
    port: str
    baud: int = 0
    unit: int = 1


class Output(_Table, frozen=True):
    """One relay."""

    board: str
    channel: int


class InputLine(_Table, frozen=True):
    """One digital input. ``active``: whether an ``open`` or a ``closed`` circuit means open, pressed, alarm.
    ``supervised``: end-of-line resistors tell a cut or shorted wire; declared and shown (MEANINGS 29)."""

    board: str
    input: int
    active: Literal["open", "closed"]
    supervised: bool = False


class DoorLine(_Table, frozen=True):
    """A door's wiring. ``fail`` ``secure``: energise to unlock; ``safe``: energise to lock. ``relock_by``: who ends an
    unlock pulse (MEANINGS 28). ``egress``: the way out that works with everything dead (MEANINGS 27)."""

    id: str
    lock: Output
    fail: Literal["secure", "safe"] = "secure"
    relock_by: Literal["board", "edge"] = "board"
    accept_stuck_unlock: bool = False
    egress: Literal["mechanical", "hardwired"] | None = None
    contact: InputLine | None = None
    rex: InputLine | None = None
    tamper: InputLine | None = None
    fire_zones: tuple[str, ...] = ()


class ReaderLine(_Table, frozen=True):
    """A reader, the access point it serves (at a desk: none), and the board channels of its LEDs and buzzer (MEANINGS 29)."""

    id: str
    driver: str
    port: str
    access_point: str = ""
    credentials: tuple[Literal["desfire", "ultralight-c", "felica-lite-s", "uid"], ...] = ("desfire",)
    baud: int = 115_200
    green: Output | None = None
    red: Output | None = None
    buzzer: Output | None = None


class ScannerLine(_Table, frozen=True):
    """A barcode scanner at an access point of a goods door. Several at one access point are one (docs/goods.md). ``terminator``: what ends a
    code, ``auto``: CR, LF, CR LF, TAB or STX … ETX. ``aim_prefix``: strip the symbology identifier before each code."""

    id: str
    access_point: str
    driver: str
    port: str
    baud: int = DEFAULT_BAUD
    terminator: str = "auto"
    aim_prefix: bool = False
    green: Output | None = None
    red: Output | None = None
    buzzer: Output | None = None


class ZoneLine(_Table, frozen=True):
    """A zone's fire or gas input. Fire is normally closed: a cut wire is fire (MEANINGS 27)."""

    zone: str
    input: InputLine


class LockdownLine(_Table, frozen=True):
    """A lockdown button or panel. ``area`` empty: the whole site. It begins a lockdown; only a command ends one (MEANINGS 22)."""

    input: InputLine
    area: str = ""


class EnclosureLine(_Table, frozen=True):
    """The edge's own cabinet: tamper contact, mains and battery supervision (MEANINGS 29)."""

    id: str
    tamper: InputLine | None = None
    mains: InputLine | None = None
    battery: InputLine | None = None


class ClockTable(_Table, frozen=True):
    """``trust``: who vouches for the wall clock (``system``: the kernel's synchronisation state). ``adjustable``: for tests only,
    the clock is moved by the seconds in ``clock_offset_s`` in the state directory (``edge.clock``)."""

    trust: Literal["system", "always", "never"] = "system"
    adjustable: bool = False


class MusterTable(_Table, frozen=True):
    """The local page that says who is inside. ``listen`` is ``HOST:PORT``; on any address but loopback it takes ``certificate`` and ``key``.
    ``password_file``: made by ``menjin edge muster-password``."""

    listen: str
    password_file: str
    certificate: str = ""
    key: str = ""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. Raises ValueError when ``listen`` is none."""
        url = urlsplit(f"//{self.listen}")
        if not url.hostname or not url.port or url.path or url.query or url.username is not None:
            raise ValueError(f"{self.listen!r} is no HOST:PORT")
        return url.hostname, url.port

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        host = self.address[0]
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


class EdgeConfig(_Table, frozen=True):
    """The whole file, paths resolved against its folder."""

    site: str
    edge: str
    state_dir: str
    bundle: str
    broker: Broker
    clock: ClockTable = ClockTable()
    role: Literal["door", "desk"] = "door"
    boards: tuple[BoardLine, ...] = ()
    doors: tuple[DoorLine, ...] = ()
    readers: tuple[ReaderLine, ...] = ()
    scanners: tuple[ScannerLine, ...] = ()
    fire: tuple[ZoneLine, ...] = ()
    gas: tuple[ZoneLine, ...] = ()
    lockdown: tuple[LockdownLine, ...] = ()
    enclosures: tuple[EnclosureLine, ...] = ()
    muster: MusterTable | None = None

    @property
    def desk(self) -> str:
        """The reader that writes cards; empty for an edge with doors."""
        return self.readers[0].id if self.role == "desk" else ""

    @property
    def journal_path(self) -> Path:
        return Path(self.state_dir) / "journal.db"

    @property
    def policy_path(self) -> Path:
        return Path(self.state_dir) / "policy.db"


def load_config(path: Path) -> EdgeConfig:
    """Read ``edge.toml`` and check it and the files it names. Raises :class:`ConfigError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read ({why}); name an edge.toml with --config") from error
    config = resolved(parse_config(text, str(path)), path)
    _check_files(config, str(path))
    return config


def resolved(config: EdgeConfig, path: Path) -> EdgeConfig:
    """With its paths taken from the file's own folder."""
    folder = path.resolve().parent
    broker = config.broker
    return msgspec.structs.replace(
        config,
        state_dir=str(folder / config.state_dir),
        bundle=str(folder / config.bundle),
        broker=msgspec.structs.replace(
            broker, **{key: str(folder / name) for key in _BROKER_FILES if (name := getattr(broker, key))}
        ),
        muster=_muster_resolved(config.muster, folder),
    )


def _muster_resolved(muster: MusterTable | None, folder: Path) -> MusterTable | None:
    """Its files may be missing: that closes the page, which says so, and no door."""
    if muster is None:
        return None
    names = {key: getattr(muster, key) for key in ("password_file", "certificate", "key")}
    return msgspec.structs.replace(muster, **{key: str(folder / name) for key, name in names.items() if name})


def parse_config(text: str, where: str = "edge.toml") -> EdgeConfig:
    """Parse and check the text alone; paths stay as written. Raises :class:`ConfigError`."""
    try:
        config = msgspec.convert(tomllib.loads(text), EdgeConfig)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_readable(str(error))}") from error
    for problem in problems(config):
        raise ConfigError(f"{where}: {problem}")
    return config


def hardware_digest(config: EdgeConfig) -> str:
    """SHA-256 in hexadecimal over what concerns hardware and life safety, whatever the order in the file. Ports and paths
    are left out: a board moved to another socket is the same hardware."""
    boards = sorted((b.id, b.driver, b.unit) for b in config.boards)
    readers = sorted(
        (msgspec.structs.replace(reader, port="") for reader in config.readers), key=lambda reader: reader.id
    )
    doors = sorted(config.doors, key=lambda door: door.id)
    zones = [sorted(lines, key=lambda line: line.zone) for lines in (config.fire, config.gas)]
    enclosures = sorted(config.enclosures, key=lambda enclosure: enclosure.id)
    facts: list[object] = [config.site, config.edge, config.role, boards, doors, readers, zones, enclosures]
    if config.lockdown:
        facts.append(sorted(config.lockdown, key=lambda line: line.area))
    if config.scanners:
        facts.append(
            sorted((msgspec.structs.replace(line, port="") for line in config.scanners), key=lambda line: line.id)
        )
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


def door_hardware(config: EdgeConfig) -> tuple[DoorHardware, ...]:
    """What the engine must know of each door. Which access point is whose only the site file says: each door gets all that have a scanner."""
    scanned = tuple(sorted({line.access_point for line in config.scanners}))
    return tuple(
        DoorHardware(
            door=door.id,
            fail=door.fail,
            relock_by=door.relock_by,
            has_contact=door.contact is not None,
            has_rex=door.rex is not None,
            fire_zones=door.fire_zones,
            fire_boards=tuple((line.zone, line.input.board) for line in config.fire if line.zone in door.fire_zones),
            scanners=scanned,
            contact_board="" if door.contact is None else door.contact.board,
        )
        for door in config.doors
    )


def policy_mismatches(config: EdgeConfig, site: Site) -> list[str]:
    """Why a policy's site cannot be run on this hardware, one line each; empty when it can (DESIGN 6).

    The site may have doors that other edges serve: what must match is every door and reader of this edge."""
    mismatches: list[str] = []
    if site.id != config.site:
        mismatches.append(f"policy is for site {site.id!r}, edge.toml says {config.site!r}")
    points = {point.id: point for point in site.access_points}
    own = {door.id: door for door in config.doors}
    mismatches += site_mismatch(site, door_hardware(config), config.edge)
    for reader in config.readers if config.role == "door" else ():
        point = points.get(reader.access_point)
        if point is None:
            mismatches.append(
                f"reader {reader.id!r} serves access point {reader.access_point!r}, which the site has not"
            )
        elif point.door not in own:
            mismatches.append(f"reader {reader.id!r} is for door {point.door!r}, which edge.toml does not wire")
    areas = {area.id for area in site.areas if not area.public}
    mismatches += [
        f"lockdown input for area {line.area!r}, which the site has not, or which is public; correct edge.toml or leave area out for the whole site"
        for line in config.lockdown
        if line.area and line.area not in areas
    ]
    mismatches += [
        f'door {point.door!r} has the way out {point.id!r} but no egress; set egress = "mechanical" or "hardwired"'
        for point in site.access_points
        if point.out and point.door in own and own[point.door].egress is None
    ]
    return mismatches


def _readable(message: str) -> str:
    """msgspec's message as one line that names the key as it stands in the file."""
    text, _, place = message.partition(" - at `$")
    place = place.strip("`").lstrip(".").replace("[...]", "")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text)
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    prefix = f"{place}: " if place else ""
    if unknown:
        return f"{prefix}unknown key {unknown[1]!r}; remove it or correct its spelling (docs/interfaces.md)"
    if missing:
        return f"{prefix}key {missing[1]!r} is missing; add it (docs/interfaces.md)"
    return f"{prefix}{text[0].lower()}{text[1:]}; correct the value"


def _check_files(config: EdgeConfig, where: str) -> None:
    broker = config.broker
    for key in _BROKER_FILES:
        name = getattr(broker, key)
        if name and not Path(name).is_file():
            raise ConfigError(f"{where}: broker.{key}: no file {name}; correct the path")
    if not Path(config.bundle).is_file():
        raise ConfigError(f"{where}: bundle: no file {config.bundle}; make it with `menjin edge enrol`")
    try:
        for name in (config.bundle, *(getattr(broker, key) for key in _SECRET_BROKER_FILES)):
            if name:
                refuse_readable_by_others(Path(name))
    except PrivateFileError as error:
        raise ConfigError(f"{where}: {error}") from error


def unsupervised_inputs(config: EdgeConfig) -> list[str]:
    """The inputs on which a cut or shorted wire would go unnoticed: shown to the operators (MEANINGS 29)."""
    return [who for who, line in input_lines(config) if not line.supervised]


def stuck_unlock_doors(config: EdgeConfig) -> list[str]:
    """Doors that may stay unlocked if this edge dies mid-pulse, by decision: shown to the operators (MEANINGS 28)."""
    return [door.id for door in config.doors if door.fail == "secure" and door.relock_by == "edge"]
