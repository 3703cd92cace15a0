"""The reference model: who is in which room, who waits where, what each door does, written from RULES, MEANINGS and docs/rooms.md alone.

It is slow and obvious on purpose and shares nothing with the engine but the words for inputs, sites and policies. ``Model.give`` takes
one input and the time; what it then holds, and what it ``said``, is what the engine must hold and say.
"""

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
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
from tests.controller.model import model_doors as doors
from tests.controller.model import model_in as entries
from tests.controller.model import model_taps as taps
from tests.controller.model.model_rooms import Rooms


class Model(Rooms):
    """The rooms, moved by inputs."""

    def give(self, stimulus: AnyInput, now: int) -> None:
        """One input at boot time ``now`` (microseconds). Everything that is due by then happens first."""
        self.now, self.said, self.broken, self.passed = now, [], set(), set()
        if isinstance(stimulus, Started):
            doors.start(self)
        else:
            doors.run_timers(self)
            self._dispatch(stimulus)
        doors.settle(self)

    def _dispatch(self, stimulus: AnyInput) -> None:
        match stimulus:
            case CardRead():
                taps.tap(self, stimulus)
            case DoorContact():
                (doors.leaf_opened if stimulus.open else doors.leaf_closed)(self, stimulus.door)
            case RexPressed():
                doors.request_exit(self, stimulus.door)
            case FireInput():
                doors.fire(self, stimulus.zone, stimulus.active)
            case GasInput():
                (self.gas.add if stimulus.active else self.gas.discard)(stimulus.zone)
            case LockdownInput():
                self.lockdown_on[stimulus.area] = stimulus.active
                if stimulus.active:
                    doors.lock_down(self, stimulus.area)
            case LinkChanged():
                self.link_up = stimulus.up
            case PersonCounted():
                doors.counted(self, stimulus.area, stimulus.people)
            case CommandArrived():
                self._command(stimulus)
            case TimeElapsed():
                pass
            case _:
                raise NotImplementedError(f"the model knows no {type(stimulus).__name__}")

    def _command(self, arrived: CommandArrived) -> None:
        match arrived.command:
            case UnlockDoor() as asked:
                doors.unlock_by_command(self, asked, arrived.supervisor)
            case ResetFire() as asked:
                doors.reset_fire(self, asked.zone)
            case LockDown() as asked:
                doors.lock_down(self, asked.area)
            case Release() as asked:
                if not self.lockdown_on.get(asked.area):
                    self.locked_down.discard(asked.area)
            case ReconcileOccupancy() as asked:
                doors.reconcile(self, asked)
            case Admit() as asked:
                entries.admit(self, asked)
            case AcknowledgeAlarm() as asked:
                if asked.alarm in ("EXIT_IRREGULAR", "OVERSTAY", "EMERGENCY_ENTRY", "DURESS"):
                    self.alarms.discard((asked.alarm, asked.subject))
            case _:
                raise NotImplementedError(f"the model knows no {type(arrived.command).__name__}")
