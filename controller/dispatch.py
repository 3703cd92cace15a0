"""Which part answers which input: one line for each kind."""

from controller import degraded, encoding, goods_door, occupancy
from controller.door import DoorInput
from controller.goods_scan import scan
from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    CommandArrived,
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DocumentScanned,
    DoorContact,
    EncodingEnded,
    FireInput,
    ForkFound,
    GasInput,
    ItemScanned,
    JournalChanged,
    LeaseArrived,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PolicyApplied,
    PowerInput,
    RecordsLost,
    RexPressed,
    ScanCancelled,
    ScanRefused,
    Started,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.lockdown import lockdown_input
from controller.orders import command
from controller.passage import happen
from controller.supervision import (
    device,
    fire,
    journal_changed,
    lease_arrived,
    ledger_differs,
    level,
    link,
    lock_feedback,
    rattling,
    stopped,
)
from controller.tap import card_read
from controller.turn import Turn


def dispatch(turn: Turn, stimulus: AnyInput, dropped: int) -> None:
    """Do what this input asks for. ``dropped``: records that no room was left for while the journal failed."""
    match stimulus:
        case CardRead() | CardRefused():
            card_read(turn, stimulus)
        case DocumentScanned() | ItemScanned() | ScanRefused() | ScanCancelled():
            scan(turn, stimulus)
        case DoorContact() | RexPressed():
            _at_door(turn, stimulus)
        case ContactRattling():
            rattling(turn, stimulus)
        case FireInput():
            fire(turn, stimulus)
        case LockdownInput():
            lockdown_input(turn, stimulus)
        case PersonCounted():
            occupancy.counted(turn, stimulus)
        case GasInput() | TamperInput() | PowerInput():
            level(turn, stimulus)
        case DeviceFaulted() | DeviceRecovered():
            device(turn, stimulus)
        case LockFeedback():
            lock_feedback(turn, stimulus)
        case LinkChanged():
            link(turn, stimulus)
        case Stopped():
            stopped(turn, stimulus)
        case LeaseArrived():
            lease_arrived(turn, stimulus)
        case CommandArrived():
            command(turn, stimulus)
        case EncodingEnded():
            encoding.ended(turn, stimulus)
        case ForkFound() | RecordsLost():
            ledger_differs(turn, stimulus)
        case JournalChanged():
            journal_changed(turn, stimulus, dropped)
        case PolicyApplied() | Started() | TimeElapsed():
            pass  # the engine has done it


def settle(turn: Turn) -> None:
    """What follows from all that this input has changed."""
    occupancy.settle(turn)
    goods_door.settle(turn)
    degraded.settle(turn)


def _at_door(turn: Turn, stimulus: DoorContact | RexPressed) -> None:
    if stimulus.door not in turn.hardware:
        return  # no lock of ours hangs on it
    if isinstance(stimulus, RexPressed):
        happen(turn, stimulus.door, DoorInput.REX)
    else:
        happen(turn, stimulus.door, DoorInput.OPENED if stimulus.open else DoorInput.CLOSED)
