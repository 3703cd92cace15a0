"""What comes from hardware and link, as the engine's inputs. A card's number and a document's code are hashed here and go no
further (DESIGN 11)."""

from collections.abc import Iterator
from typing import Literal, cast

from controller.codes import CANCEL, document_of, serial_key
from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    DeviceFaulted,
    DeviceRecovered,
    DocumentScanned,
    DoorContact,
    EncodingEnded,
    EncodingOutcome,
    FireInput,
    GasInput,
    ItemScanned,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PowerInput,
    RexPressed,
    ScanCancelled,
    ScanRefused,
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
    ScanFailed,
    Scanned,
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
        case Scanned():
            yield scan_of(stimulus, hash_key)
        case ScanFailed():
            why = cast(Literal["noise", "too_long", "half"], stimulus.cause)
            yield ScanRefused(stimulus.access_point, why, stimulus.length, stimulus.read_at_mono_us)
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
            kind = cast(Literal["reader", "board", "scanner"], stimulus.kind)
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


def scan_of(scan: Scanned, hash_key: bytes) -> DocumentScanned | ItemScanned | ScanRefused | ScanCancelled:
    """What a scanned text stands for (docs/goods.md, Scans)."""
    point, at_us = scan.access_point, scan.read_at_mono_us
    serial = serial_key(scan.text)
    if serial == CANCEL:
        return ScanCancelled(point, at_us)
    found = document_of(scan.text, scanned=True)
    if found == "check" or not serial:
        return ScanRefused(point, "check" if serial else "noise", len(scan.text), at_us)
    if found is None:
        return ItemScanned(point, serial, at_us)
    document, code = found
    return DocumentScanned(point, document, credential_key(hash_key, document, code), at_us)
