"""The loop: waits on the one bounded inbox until the agent's deadline, takes all that waits, steps (DESIGN 13, 14).

Everything else that runs is a thread of a reader, a board or the MQTT client; each posts to the inbox and stops on its own.
None of them can stop the loop, and the loop waits for none of them. Stops within STOP_S of the signal: outputs to rest
first, then what was said to the broker leaves, then the journal is closed.
"""

import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Protocol

from controller.now import SECOND_US
from edge.agent import Agent
from edge.inbox import Inbox
from edge.notify import Supervisor
from edge.ports import Clock, StopAsked

THREAD_SWITCH_S = 0.0005
"""A reader waiting for its next byte must not wait 5 ms, the interpreter's stock interval, behind another thread's work."""
TURN_S = 1.0
"""The loop turns at least this often, or as the watchdog asks."""
STOP_S = 2.0
READERS_STOP_S = 0.3
SETTLE_US = 3 * SECOND_US
"""How long readiness waits for readers that neither work nor fail."""

_log = logging.getLogger(__name__)


class Device(Protocol):
    """A thread of one reader: ``readers.thread.ReaderThread``."""

    def start(self) -> None: ...
    def stop(self, timeout_s: float) -> bool: ...
    @property
    def working(self) -> bool | None: ...


class Outputs(Protocol):
    """All boards: ``edge.hardware.Hardware``."""

    def start(self) -> None: ...
    def stop(self) -> list[str]: ...


class Connection(Protocol):
    """``edge.link.MqttLink``."""

    def start(self) -> None: ...
    def close(self) -> None: ...


class Runner:
    """One process's life. ``close``: what is closed last, the journal and the policy store."""

    def __init__(
        self,
        agent: Agent,
        clock: Clock,
        inbox: Inbox,
        outputs: Outputs,
        readers: Sequence[Device],
        link: Connection,
        supervisor: Supervisor,
        close: Callable[[], None],
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._inbox = inbox
        self._outputs = outputs
        self._readers = readers
        self._link = link
        self._supervisor = supervisor
        self._close = close

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT end the loop in order. Call from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def run(self) -> None:
        """Outputs to rest (but for what fire holds), policy and state taken up, then the loop until :class:`StopAsked`."""
        sys.setswitchinterval(THREAD_SWITCH_S)
        try:
            self._agent.hold_what_fire_released()
            self._outputs.start()
            deadline_us = self._agent.start(self._clock.now())
            for reader in self._readers:
                reader.start()
            self._link.start()
            self._loop(deadline_us)
        finally:
            self._supervisor.stopping()
            self._stop()

    def _loop(self, deadline_us: int | None) -> None:
        now = self._clock.now()
        ready_by_us: int | None = now.mono_us + SETTLE_US
        alive_at_us = now.mono_us
        swaps = -1
        while not self._agent.stopped:
            now = self._clock.now()
            if ready_by_us is not None and (self._settled() or now.mono_us >= ready_by_us):
                ready_by_us = None
                self._supervisor.ready()
            watchdog_us = self._supervisor.watchdog_us
            if watchdog_us is not None and now.mono_us >= alive_at_us:
                alive_at_us = now.mono_us + watchdog_us
                self._supervisor.alive()
            if swaps != self._agent.policy_swaps:
                swaps = self._agent.policy_swaps
                _set_policy_aside()
            turn_us = int(TURN_S * SECOND_US) if watchdog_us is None else min(int(TURN_S * SECOND_US), watchdog_us)
            wait_us = turn_us if deadline_us is None else min(turn_us, deadline_us - now.mono_us)
            if ready_by_us is not None:
                wait_us = min(wait_us, SECOND_US // 20)
            stimuli = self._inbox.take(max(0, wait_us) / SECOND_US)
            self._agent.dropped(self._inbox.dropped_reads, self._inbox.dropped_messages)
            deadline_us = self._agent.step(self._clock.now(), stimuli)

    def _settled(self) -> bool:
        return all(reader.working is not None for reader in self._readers)

    def _stop(self) -> None:
        with (
            contextlib.ExitStack() as steps
        ):  # each is done whatever happens to the others; the last one named is first
            steps.callback(self._close)
            steps.callback(self._stop_readers)
            steps.callback(self._link.close)
            steps.callback(self._rest_outputs)
            steps.callback(self._inbox.close)

    def _rest_outputs(self) -> None:
        for name in self._outputs.stop():
            _log.error("board %s did not let go in time; its outputs may not be at rest", name)

    def _stop_readers(self) -> None:
        for reader in self._readers:
            reader.stop(0)  # ask all before waiting for any
        for reader in self._readers:
            reader.stop(READERS_STOP_S / len(self._readers))

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._inbox.post(StopAsked(signal.Signals(number).name))


def _set_policy_aside() -> None:
    """A full collection over a million policy objects would stop the loop for 150 ms (NOTES): they are not looked at again.
    What is young and dead is collected first, or it would stay for good."""
    gc.collect(1)
    gc.freeze()
