"""The second channel's thread. On PostgreSQL one process sends, elected by an advisory lock of its own (DESIGN 15).

Each channel has a thread while it has something to send: a receiver that hangs holds up its own channel and no other.
"""

import threading  # noqa: TID251 - named in tests/test_architecture.py
from datetime import datetime

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from server.context import Context
from server.db.engine import is_away
from server.escalation.channels import Channel
from server.escalation.due import is_anything_due, note_due
from server.escalation.models import EscalationDelivery
from server.escalation.sending import end_orphans, is_due, send_due
from server.fleet.election import ESCALATION_LOCK, Election

TURN_S = 1.0
PAUSE_AFTER_FAULT_S = 5.0
STOP_WAIT_S = 1.5
SENDING_WAIT_S = 5.0
"""So long a turn waits for its channels; who is slower goes on beside the next turns."""

log = structlog.get_logger(__name__)


class EscalationService:
    """Background work. ``run_once`` is one turn."""

    name = "escalation"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._election = Election(context.database, ESCALATION_LOCK)
        self._stopping = threading.Event()
        self._senders: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._run, name="escalation", daemon=True)

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End, thread joined; a message under way is left to its own end, and is sent again by the next process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_WAIT_S)

    def run_once(self, now: datetime) -> None:
        """What is due goes to the outbox, and from it to the channels."""
        context = self._context
        with context.database.read() as session:
            due = is_anything_due(session, context.escalation, now)
        if due:
            self._note(now)
        with context.database.read() as session:
            waiting = set(session.exec(select(EscalationDelivery.channel).where(is_due(now)).distinct()).all())
        if not waiting:
            return
        end_orphans(context, context.escalation, now)
        begun = [self._begin(channel, now) for channel in context.escalation if channel.name in waiting]
        for sender in begun:
            sender.join(SENDING_WAIT_S)

    def _note(self, now: datetime) -> None:
        try:
            with self._context.database.write() as session:
                note_due(session, self._context.escalation, now)
        except IntegrityError:
            log.info("escalation: another process noted the same")

    def _begin(self, channel: Channel, now: datetime) -> threading.Thread:
        running = self._senders.get(channel.name)
        if running is not None and running.is_alive():
            return running
        sender = threading.Thread(
            target=self._send, args=(channel, now), name=f"escalation {channel.name}", daemon=True
        )
        self._senders[channel.name] = sender
        sender.start()
        return sender

    def _send(self, channel: Channel, now: datetime) -> None:
        try:
            send_due(self._context, channel, now)
        except Exception as error:
            if is_away(error):
                log.error("escalation: database unavailable, tried again", channel=channel.name)
            else:
                log.exception("escalation: tried again", channel=channel.name)

    def _run(self) -> None:
        while not self._stopping.wait(TURN_S):
            try:
                if self._election.lead():
                    self.run_once(self._context.clock.now())
            except Exception as error:
                if is_away(error):
                    log.error("escalation: database unavailable, tried again")
                else:
                    log.exception("escalation: tried again")
                self._stopping.wait(PAUSE_AFTER_FAULT_S)
        self._election.resign()
