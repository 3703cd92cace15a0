"""What can be seen to be wrong with a scenario before it is played, beyond its shape: names of commands, alarms, events, people."""

from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from controller.commands import Command
from controller.event_base import AlarmName
from controller.events import AnyEvent
from sim.scenario import Expect
from sim.scenario_given import Given
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
