"""What comes from hardware and link, as the engine's inputs. A card's number is hashed here and goes no further (DESIGN 11)."""

from collections.abc import Iterator
from typing import Literal, cast

from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    EncodingEnded,
    EncodingOutcome,
    FireInput,
    GasInput,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PowerInput,
    RexPressed,
    Stopped,
    TamperInput,
)
from controller.policy import credential_key
from edge.ports import (
    Counted,
    DeviceChanged,
    InputChanged,
    LinkDown,
    LinkUp,
    LockRead,
    Presented,
    Rejected,
    Stimulus,
    StopAsked,
    WritingEnded,
)


def inputs_of(stimulus: Stimulus, hash_key: bytes) -> Iterator[AnyInput]:
    """The inputs that a stimulus stands for; none for a released REX and for messages, which are opened elsewhere."""
    match stimulus:
        case Presented():
            yield CardRead(
                stimulus.access_point,
                stimulus.technology,
                credential_key(hash_key, stimulus.technology, stimulus.number),
                cast(Literal["authenticated", "identified"], stimulus.assurance),
                stimulus.read_at_mono_us,
                stimulus.exchange_us,
            )
        case Rejected():
            cause = cast(Literal["not_authenticated", "two_cards"], stimulus.cause)
            yield CardRefused(stimulus.access_point, cause, stimulus.technology, stimulus.read_at_mono_us)
        case WritingEnded():
            technology, number = stimulus.technology, stimulus.number
            credential = credential_key(hash_key, technology, number) if number else None
            outcome = cast(EncodingOutcome, stimulus.outcome)
            card = credential_key(hash_key, "uid", stimulus.card) if stimulus.card else None
            yield EncodingEnded(stimulus.command_id, outcome, technology, credential, stimulus.step, card)
        case InputChanged(kind="contact"):
            yield DoorContact(stimulus.subject, stimulus.active)
        case InputChanged(kind="rex", active=True):
            yield RexPressed(stimulus.subject)
        case InputChanged(kind="fire"):
            yield FireInput(stimulus.subject, stimulus.active)
        case InputChanged(kind="gas"):
            yield GasInput(stimulus.subject, stimulus.active)
        case InputChanged(kind="lockdown"):
            yield LockdownInput(stimulus.subject, stimulus.active)
        case InputChanged(kind="tamper"):
            yield TamperInput(stimulus.subject, stimulus.active)
        case InputChanged(kind="mains" | "battery"):
            supply = cast(Literal["mains", "battery"], stimulus.kind)
            yield PowerInput(stimulus.subject, supply, stimulus.active)
        case Counted():
            yield PersonCounted(stimulus.area, stimulus.people)
        case DeviceChanged():
            kind = cast(Literal["reader", "board"], stimulus.kind)
            if stimulus.working:
                yield DeviceRecovered(stimulus.device, kind)
            else:
                yield DeviceFaulted(stimulus.device, kind, stimulus.cause)
        case LockRead():
            yield LockFeedback(stimulus.door, stimulus.unlocked)
        case LinkUp():
            yield LinkChanged(up=True)
        case LinkDown():
            yield LinkChanged(up=False)
        case StopAsked():
            yield Stopped(stimulus.cause)
