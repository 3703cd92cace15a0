"""What can happen at a small building, as plain steps that the model's tests, the search and saved scenarios share."""

from dataclasses import dataclass
from typing import Literal

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    Command,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    UnlockDoor,
)
from controller.inputs import (
    AnyInput,
    CardRead,
    CommandArrived,
    DoorContact,
    FireInput,
    GasInput,
    LinkChanged,
    LockdownInput,
    PersonCounted,
    RexPressed,
    Started,
    TimeElapsed,
)
from tests.controller.model.buildings import credential

Act = Literal[
    "tap", "open", "close", "rex", "wait", "restart", "link", "fire", "reset", "gas", "lockdown", "release", "panel",
    "reconcile", "admit", "unlock", "count", "acknowledge", "flee",
]  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing that happens. ``what``: the door, point, zone or area; ``who``: a person's name; ``names``: several. ``us``: how long
    (``wait``). ``on``: a level, or that a supervisor asks, or that it is an emergency. ``n``: how many."""

    act: Act
    what: str = ""
    who: str = ""
    names: tuple[str, ...] = ()
    us: int = 0
    on: bool = True
    n: int = 0

    def __str__(self) -> str:
        parts: list[str] = [part for part in (self.who, self.what) if part]
        if self.act == "wait":
            parts.append(f"{self.us / 1_000_000:g} s")
        if self.act == "reconcile":
            parts.append("+".join([*self.names, str(self.n)]))
        if self.act == "count":
            parts.append(str(self.n))
        return f"{self.act} {' '.join(parts)}{'' if self.on else ' (off)'}"


def tap(who: str, what: str) -> Step:
    return Step("tap", what, who)


def wait(seconds: float) -> Step:
    return Step("wait", us=round(seconds * 1_000_000))


def stimulus(step: Step, mono_us: int, serial: int) -> AnyInput:
    """The engine's input for a step at this boot time. ``serial`` numbers commands and boots."""
    match step.act:
        case "tap":
            return CardRead(step.what, "desfire", credential(step.who), "authenticated", mono_us)
        case "open" | "close":
            return DoorContact(step.what, step.act == "open")
        case "rex":
            return RexPressed(step.what)
        case "restart":
            return Started(f"boot-{serial}", "test")
        case "link":
            return LinkChanged(step.on)
        case "fire":
            return FireInput(step.what, step.on)
        case "gas":
            return GasInput(step.what, step.on)
        case "panel":
            return LockdownInput(step.what, step.on)
        case "count":
            return PersonCounted(step.what, step.n)
        case "wait" | "flee":
            return TimeElapsed()
    return CommandArrived(f"c{serial}", _command(step), "op", supervisor=step.on)


def _command(step: Step) -> Command:
    match step.act:
        case "reset":
            return ResetFire(step.what, "all out")
        case "lockdown":
            return LockDown("threat", step.what)
        case "release":
            return Release("over", step.what)
        case "reconcile":
            return ReconcileOccupancy(step.what, "counted", step.names, step.n)
        case "admit":
            return Admit(step.what, step.who, "repair", emergency=not step.on)
        case "unlock":
            return UnlockDoor(step.what, "delivery")
        case "acknowledge":
            return AcknowledgeAlarm(step.what, step.who, "seen")
    raise ValueError(f"no command: {step}")
