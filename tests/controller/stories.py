"""Shorthands for the stories of the engine: a hall in order, people going through, commands and their results."""

from controller.engine import Outcome
from controller.events import CommandDone
from controller.inputs import (
    CommandArrived,
    DoorContact,
)
from tests.controller.building import (
    LI,
    Hall,
    events,
    policy,
)


def hall(**fields: object) -> Hall:
    return Hall(policy(), **fields)  # type: ignore[arg-type]


def open_and_close(at: Hall, door: str = "hall-door") -> Outcome:
    opened = at.give(DoorContact(door, open=True))
    at.wait(1)
    at.give(DoorContact(door, open=False))
    return opened


def enter(at: Hall, who: object = LI) -> None:
    at.tap(who)  # type: ignore[arg-type]
    open_and_close(at)
    at.wait(2)


def order(command: object, *, supervisor: bool = False) -> CommandArrived:
    return CommandArrived("c1", command, "op-1", supervisor=supervisor)  # type: ignore[arg-type]


def result(outcome: Outcome) -> tuple[str, str]:
    (done,) = events(outcome, CommandDone)
    assert isinstance(done, CommandDone)
    return done.result, done.because.reason if done.because else ""


def batch(at: Hall, *stimuli: object) -> list[Outcome]:
    return [at.engine.handle(stimulus, at.now) for stimulus in stimuli]  # type: ignore[arg-type]
