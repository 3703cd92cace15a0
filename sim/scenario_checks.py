"""What can be seen to be wrong with a scenario before it is played, beyond its shape: names of commands, alarms, events, people."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from controller.commands import Command
from controller.event_base import AlarmName
from controller.events import AnyEvent
from sim.scenario import Expect
from sim.scenario_given import Given, LineGiven
from sim.scenario_goods import CheckVerb, Scan
from sim.scenario_verbs import CommandVerb

Fault = tuple[tuple[str | int, ...], str]
"""Where, from the part that was checked, and what is wrong."""

ALARMS = frozenset(get_args(AlarmName))
EVENTS = frozenset(each.__name__ for each in get_args(AnyEvent))
COMMANDS = frozenset(each.__name__ for each in get_args(Command)) - {"EncodeCard"}


def command_of(verb: CommandVerb) -> Any:
    """The command that a step gives. Raises ``msgspec.ValidationError``."""
    return msgspec.convert({"name": verb.name, **verb.fields}, Command)


def faults_of_command(verb: CommandVerb) -> Iterator[Fault]:
    """A command that no edge knows, or with other fields than it has."""
    if verb.name not in COMMANDS:
        yield ("name",), f"no command {verb.name!r}; there are {', '.join(sorted(COMMANDS))}"
        return
    known = next(each for each in get_args(Command) if each.__name__ == verb.name).__struct_fields__
    for name in verb.fields:
        if name not in known:
            yield ("fields", name), f"{verb.name} has no field {name!r}; it has {', '.join(known)}"
            return
    try:
        command_of(verb)
    except msgspec.ValidationError as error:
        yield ("fields",), f"{verb.name}: {str(error).partition(' - at ')[0]}"


def faults_of_expect(expected: Expect) -> Iterator[Fault]:
    """Names that nothing bears."""
    named = {
        "alarm": (expected.alarm,),
        "cleared": (expected.cleared,),
        "alarms": expected.alarms or (),
    }
    for key, alarms in named.items():
        for alarm in alarms:
            if alarm is not None and alarm not in ALARMS:
                yield (key,), f"no alarm {alarm!r}; there are {', '.join(sorted(ALARMS))}"
    for event in expected.events or ():
        if event not in EVENTS:
            yield ("events",), f"no event {event!r}; there are {', '.join(sorted(EVENTS))}"


def faults_of_given(given: Given, virtual: bool) -> Iterator[Fault]:
    """People and badges that refer to nobody."""
    if given.permits and not virtual:
        yield ("permits",), "permits are played in virtual time only; add `time: virtual`"
    yield from _faults_of_goods(given)
    holders = {holder.id for holder in given.holders}
    customers = {customer.code for customer in given.customers}
    names: set[str] = set()
    for index, holder in enumerate(given.holders):
        if holder.customer is not None and holder.customer not in customers:
            yield ("holders", index, "customer"), f"holder {holder.id}: customer {holder.customer!r} is not given"
    for key in ("badges", "permits"):
        for index, badge in enumerate(getattr(given, key)):
            if badge.holder not in holders:
                yield (key, index, "holder"), f"{badge.id}: holder {badge.holder!r} is not given"
            if badge.id in names:
                yield (key, index, "id"), f"{badge.id!r} stands there twice"
            names.add(badge.id)


def faults_of_scan(verb: Scan | CheckVerb) -> Iterator[Fault]:
    """Not exactly one thing to scan, or what stands beside another."""
    documents = [verb.slip, verb.order]
    if isinstance(verb, CheckVerb):
        if len([each for each in documents if each is not None]) != 1:
            yield (), "check needs either slip or order"
        return
    if len([each for each in (*documents, verb.serial, verb.raw) if each is not None]) != 1:
        yield (), "scan needs one of slip, order, serial, raw"
    if verb.times != 1 and verb.raw is None:
        yield ("times",), "times: how often raw stands in the code; write raw"
    if not 1 <= verb.times <= MAX_TIMES:
        yield ("times",), f"times: 1 to {MAX_TIMES}"


MAX_TIMES = 10_000
"""Of ``raw``: more than any barcode holds."""


def _faults_of_goods(given: Given) -> Iterator[Fault]:
    """Devices, slips and orders that refer to nothing, and lines that cannot be."""
    customers = {customer.code for customer in given.customers}
    holders = {holder.id for holder in given.holders}
    serials = {item.serial for item in given.inventory}
    names: set[str] = set()
    for key in ("inventory", "slips", "orders"):
        for index, entry in enumerate(getattr(given, key)):
            name = entry.serial if key == "inventory" else entry.id
            if entry.customer is not None and entry.customer not in customers:
                yield (key, index, "customer"), f"{name}: customer {entry.customer!r} is not given"
            if name in names:
                yield (key, index), f"{name!r} stands there twice"
            names.add(name)
    for index, slip in enumerate(given.slips):
        yield from _faults_of_lines(("slips", index, "lines"), slip.id, slip.lines)
        for key, known, asked in (("carriers", holders, slip.carriers), ("items", serials, slip.items)):
            for name in asked:
                if name not in known:
                    yield ("slips", index, key), f"slip {slip.id}: {name!r} is not given"
        if not slip.items and not slip.lines:
            yield ("slips", index), f"slip {slip.id} lets nothing pass; it needs items or lines"
    for index, order in enumerate(given.orders):
        yield from _faults_of_lines(("orders", index, "lines"), order.id, order.lines)
        if not order.lines:
            yield ("orders", index), f"order {order.id} lets nothing pass; it needs lines"


def _faults_of_lines(path: tuple[str | int, ...], name: str, lines: tuple[LineGiven, ...]) -> Iterator[Fault]:
    for index, line in enumerate(lines):
        if (line.quantity is None) == (not line.serials):
            yield (*path, index), f"{name}: a line has either serials or a quantity"
