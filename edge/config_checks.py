"""What ``edge.toml`` may not say although each of its values is well-formed: one generator of problems a matter."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edge.boards.drivers import DRIVERS, Driver
from readers.scanner.framing import TERMINATORS
from readers.scanners import SCANNERS

if TYPE_CHECKING:
    from edge.config import EdgeConfig, InputLine

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")


def problems(config: "EdgeConfig") -> Iterator[str]:
    """Each a line without the file's name: which key, what to do."""
    for check in (
        _check_names,
        _check_broker,
        _check_boards,
        _check_outputs,
        _check_inputs,
        _check_doors,
        _check_role,
        _check_zones,
        _check_muster,
    ):
        yield from check(config)


def input_lines(config: "EdgeConfig") -> Iterator[tuple[str, "InputLine"]]:
    """Every input of the file with the words that name it in a message."""
    for door in config.doors:
        for key in ("contact", "rex", "tamper"):
            line = getattr(door, key)
            if line is not None:
                yield f"doors {door.id!r} {key}", line
    for table in ("fire", "gas"):
        for zone in getattr(config, table):
            yield f"{table} zone {zone.zone!r}", zone.input
    for button in config.lockdown:
        yield f"lockdown of {f'area {button.area!r}' if button.area else 'the site'}", button.input
    for enclosure in config.enclosures:
        for key in ("tamper", "mains", "battery"):
            line = getattr(enclosure, key)
            if line is not None:
                yield f"enclosures {enclosure.id!r} {key}", line


def _check_names(config: "EdgeConfig") -> Iterator[str]:
    named = [("site", config.site), ("edge", config.edge)]
    for table in ("boards", "doors", "readers", "scanners", "enclosures"):
        ids = [line.id for line in getattr(config, table)]
        named += [(f"{table} id", name) for name in ids]
        yield from (f"{table}: id {name!r} is used twice; give each its own" for name in _repeated(ids))
    named += [("lockdown area", line.area) for line in config.lockdown if line.area]
    for key, name in named:
        if not _IDENTIFIER.match(name):
            yield f"{key} {name!r}: use 1 to 64 letters, digits, '-', '_' or '.', starting with a letter or digit"
    named_by = {kind: {line.id for line in getattr(config, f"{kind}s")} for kind in ("board", "reader", "scanner")}
    for (kind, own), (other, others) in combinations(named_by.items(), 2):
        shared = own & others
        yield from (
            f"id {name!r} names a {kind} and a {other}; devices share one list of names" for name in sorted(shared)
        )
    for table in ("fire", "gas"):
        for zone in _repeated([line.zone for line in getattr(config, table)]):
            yield f"{table}: zone {zone!r} is listed twice; one input per zone"
    for area in _repeated([line.area for line in config.lockdown]):
        yield f"lockdown: {f'area {area!r}' if area else 'the site'} is listed twice; one input each, wire several buttons to it"


def _check_broker(config: "EdgeConfig") -> Iterator[str]:
    broker = config.broker
    try:
        url = urlsplit(broker.url)
        usable = url.scheme in ("mqtt", "mqtts") and bool(url.hostname) and (url.port is None or url.port > 0)
        bare = not (url.path or url.query or url.fragment or url.username)
    except ValueError:
        usable = bare = False
    if not (usable and bare):
        yield f"broker.url {broker.url!r}: write mqtt://HOST:PORT or mqtts://HOST:PORT"
        return
    if broker.tls and not broker.ca:
        yield "broker.ca is missing; mqtts needs the CA certificate that signed the broker's"
    if not broker.tls and (broker.ca or broker.certificate or broker.key):
        yield f"broker.url {broker.url!r} is not encrypted but certificates are given; write mqtts://"
    if bool(broker.certificate) != bool(broker.key):
        yield "broker.certificate and broker.key go together; give both or neither"
    if broker.password_file and not broker.username:
        yield "broker.username is missing; a password_file needs it"


def _check_boards(config: "EdgeConfig") -> Iterator[str]:
    for board in config.boards:
        if board.driver not in DRIVERS:
            yield f"boards {board.id!r}: unknown driver {board.driver!r}; use one of {', '.join(sorted(DRIVERS))}"
        if not 1 <= board.unit <= 247:
            yield f"boards {board.id!r}: unit {board.unit}; Modbus addresses are 1 to 247"
        if board.baud < 0:
            yield f"boards {board.id!r}: baud {board.baud}; write the board's rate, such as 9600"
    for reader in config.readers:
        if not reader.credentials:
            yield f"readers {reader.id!r}: credentials is empty; list what the reader may accept"
        if reader.baud <= 0:
            yield f"readers {reader.id!r}: baud {reader.baud}; write the reader's rate, such as 115200"
    for scanner in config.scanners:
        if scanner.driver not in SCANNERS:
            yield f"scanners {scanner.id!r}: unknown driver {scanner.driver!r}; use {', '.join(sorted(SCANNERS))}"
        if scanner.baud <= 0:
            yield f"scanners {scanner.id!r}: baud {scanner.baud}; write the scanner's rate, such as 9600"
        if scanner.terminator not in TERMINATORS:
            yield f"scanners {scanner.id!r}: terminator {scanner.terminator!r}; use one of {', '.join(TERMINATORS)}"
        if not scanner.access_point:
            yield f"scanners {scanner.id!r}: access_point is empty; name the one of a goods door that it serves"
    ports = [line.port for lines in (config.boards, config.readers, config.scanners) for line in lines]
    yield from (f"port {port!r} is used twice; each device has its own line" for port in _repeated(ports))


def _check_outputs(config: "EdgeConfig") -> Iterator[str]:
    used: dict[tuple[str, int], str] = {}
    outputs = [(f"doors {door.id!r} lock", door.lock) for door in config.doors]
    for table in ("readers", "scanners"):
        for unit in getattr(config, table):
            for key in ("green", "red", "buzzer"):
                output = getattr(unit, key)
                if output is not None:
                    outputs.append((f"{table} {unit.id!r} {key}", output))
    for who, output in outputs:
        driver = _driver_of(config, output.board)
        if driver is None:
            yield f"{who}: no board {output.board!r}; add it under [[boards]] or correct the name"
        elif not 0 <= output.channel < driver.outputs:
            yield f"{who}: channel {output.channel} of {output.board!r}; it has 0 to {driver.outputs - 1}"
        other = used.setdefault((output.board, output.channel), who)
        if other != who:
            yield f"{who}: channel {output.channel} of {output.board!r} is already {other}; one use per channel"


def _check_inputs(config: "EdgeConfig") -> Iterator[str]:
    used: dict[tuple[str, int], str] = {}
    for who, line in input_lines(config):
        driver = _driver_of(config, line.board)
        if driver is None:
            yield f"{who}: no board {line.board!r}; add it under [[boards]] or correct the name"
        elif not 0 <= line.input < driver.input_count:
            has = f"it has 0 to {driver.input_count - 1}" if driver.input_count else "that board has no inputs"
            yield f"{who}: input {line.input} of {line.board!r}; {has}"
        other = used.setdefault((line.board, line.input), who)
        if other != who:
            yield f"{who}: input {line.input} of {line.board!r} is already {other}; one use per input"


def _check_doors(config: "EdgeConfig") -> Iterator[str]:
    for door in config.doors:
        driver = _driver_of(config, door.lock.board)
        if driver is None:
            continue
        if door.relock_by == "board" and not driver.timed_pulse:
            yield (
                f'doors {door.id!r}: relock_by = "board", but board {door.lock.board!r} has no timed pulse;'
                ' write relock_by = "edge"'
            )
        if door.relock_by == "edge" and door.fail == "secure" and not door.accept_stuck_unlock:
            yield (
                f"doors {door.id!r}: if the edge dies during an unlock, board {door.lock.board!r} leaves this door unlocked;"
                ' use a board with timed pulse and relock_by = "board", or write accept_stuck_unlock = true'
            )
        if door.rex is not None and door.egress is None:
            yield f'doors {door.id!r}: a way out without egress; write egress = "mechanical" or "hardwired"'


def _check_role(config: "EdgeConfig") -> Iterator[str]:
    if config.role == "door":
        for reader in config.readers:
            if not reader.access_point:
                yield f"readers {reader.id!r}: access_point is missing; name the one in the site file that it serves"
        return
    if config.doors:
        yield 'doors: an edge with role = "desk" encodes badges and has no doors; remove them or the role'
    if config.scanners:
        yield 'scanners: an edge with role = "desk" has no goods door; remove them'
    if config.lockdown:
        yield 'lockdown: an edge with role = "desk" has no doors to lock down; remove it'
    if len(config.readers) != 1:
        yield f'readers: an edge with role = "desk" has one reader, that writes cards; this file has {len(config.readers)}'
    for reader in config.readers:
        if reader.access_point:
            yield f"readers {reader.id!r}: a desk's reader serves no access point; remove access_point"
        if reader.credentials != ("desfire",):
            yield f"readers {reader.id!r}: a desk writes desfire cards; remove credentials"


def _check_zones(config: "EdgeConfig") -> Iterator[str]:
    for line in config.fire:
        if line.input.active != "open":
            yield (
                f'fire zone {line.zone!r}: active = "closed" would miss a cut wire; wire it normally closed and write'
                ' active = "open"'
            )
    zones = {line.zone for line in config.fire}
    for door in config.doors:
        for zone in door.fire_zones:
            if zone not in zones:
                yield f"doors {door.id!r}: fire zone {zone!r} has no input; add a [[fire]] table for it"


def _check_muster(config: "EdgeConfig") -> Iterator[str]:
    muster = config.muster
    if muster is None:
        return
    try:
        loopback = muster.loopback
    except ValueError:
        yield f'muster.listen {muster.listen!r}: write HOST:PORT, such as "127.0.0.1:8480"'
        return
    if bool(muster.certificate) != bool(muster.key):
        yield "muster.certificate and muster.key go together; give both or neither"
    elif not loopback and not muster.certificate:
        yield (
            f"muster.listen {muster.listen!r} without TLS: the password would cross the network in clear; add certificate and"
            " key, or listen on 127.0.0.1"
        )
    if not muster.password_file:
        yield "muster.password_file is empty; name a file and make it with `menjin edge muster-password`"


def _driver_of(config: "EdgeConfig", board_id: str) -> Driver | None:
    return next((DRIVERS.get(board.driver) for board in config.boards if board.id == board_id), None)


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
