"""Commands to edges: asked at the API, ordered by the fleet's thread, answered in the ledger (DESIGN 9, MEANINGS 20)."""

from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    CheckEquipment,
    Command,
    CommandBase,
    ConfirmHolder,
    EncodeCard,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    SetMaintenance,
    UnlockDoor,
)
from controller.events import AlarmAcknowledged, AlarmCleared
from controller.wire import CommandOrder
from server.fleet.down import Composer, put
from server.fleet.models import Edge, EdgeCommand
from server.ledger.facts import SERVER, table_of
from server.ledger.writer import LedgerWriter
from server.operators.permissions import Permission

LIFE_US = 10_000_000
ANSWER_GRACE_US = 5_000_000
"""After its expiry a command's result may still be on its way for this long."""
ENCODE_LIFE_US = 45_000_000
"""How long a desk waits for a card. Edges take no command that claims to live beyond a minute."""
ENCODE_GRACE_US = 20_000_000
"""A card laid down in the last moment is written to the end, and its result told, for this long."""
CLOCK_OFFSET_NOISE_US = 2_000_000
"""Offsets below this are the network's, not the clock's."""
OPEN = ("waiting", "sent")
PAST_CAUSES = ("FORK", "RECORDS_LOST", "SERVER_RESTORED", "BADGE_IN_TWO_PLACES")
"""The server's alarms of something that happened once: they end when somebody has seen them and said so."""

COMMAND_PERMISSIONS: dict[type[CommandBase], Permission] = {
    UnlockDoor: Permission.COMMAND_UNLOCK,
    ResetFire: Permission.COMMAND_FIRE_RESET,
    AcknowledgeAlarm: Permission.ALARM_ACKNOWLEDGE,
    Identify: Permission.COMMAND_IDENTIFY,
    EncodeCard: Permission.BADGE_ENCODE,
    LockDown: Permission.COMMAND_LOCKDOWN,
    Release: Permission.COMMAND_RELEASE,
    Admit: Permission.COMMAND_ADMIT,
    ReconcileOccupancy: Permission.COMMAND_RECONCILE,
    SetMaintenance: Permission.COMMAND_MAINTENANCE,
    ConfirmHolder: Permission.HOLDER_CONFIRM,
    CheckEquipment: Permission.EQUIPMENT_CHECK,
}
"""What each command needs. A command that is not here is refused; a test compares with ``controller.commands``."""
OWN_ENDPOINT: dict[type[CommandBase], str] = {
    EncodeCard: "POST /badges/{badge}/encode",
    ConfirmHolder: "POST /holder-confirmations",
    CheckEquipment: "POST /equipment-checks",
}
"""Commands that are asked for nowhere but there: more than a permission is judged."""


class CommandInvalid(ValueError):
    """What was asked is no command, or one that is asked for elsewhere. One line; ``zh``: the same in Chinese."""

    def __init__(self, text: str, zh: str) -> None:
        super().__init__(text)
        self.zh = zh


def parse_command(given: object) -> Command:
    """A command for ``POST /commands``; whether it makes sense at the site is :mod:`server.fleet.command_checks`'s to say. Raises
    :class:`CommandInvalid`."""
    try:
        command: Command = msgspec.convert(given, Command)
    except msgspec.ValidationError as error:
        raise CommandInvalid(f"command: {error}", f"指令格式有误：{error}") from error
    if type(command) in OWN_ENDPOINT:
        elsewhere, name = OWN_ENDPOINT[type(command)], type(command).__name__
        raise CommandInvalid(f"command: {name} is asked for by {elsewhere}", f"{name} 请通过 {elsewhere} 发出")
    return command


def commands_open(connection: Connection) -> bool:
    """Whether :func:`order_commands` may have something to do."""
    commands = table_of(EdgeCommand)
    found = connection.execute(select(commands.c.id).where(commands.c.state.in_(OPEN)).limit(1)).first()
    return found is not None


def order_commands(writer: LedgerWriter, composer: Composer) -> None:
    """Send what waits; end what waited too long. The server acknowledges its own alarms itself."""
    connection, now_us = writer.connection, writer.now_us
    commands, edges = table_of(EdgeCommand), table_of(Edge)
    waiting = connection.execute(
        select(
            commands, edges.c.name.label("edge"), edges.c.online, edges.c.session.label("now"), edges.c.clock_offset_us
        )
        .join(edges, edges.c.id == commands.c.edge_id)
        .where(commands.c.state.in_(OPEN))
        .order_by(commands.c.id)
    ).all()
    for row in waiting:
        values: dict[str, object] = {}
        if row.state == "sent":
            if now_us > row.expires_us + _grace_us(row.command):
                values = {"state": "expired", "answered_us": now_us}
        elif now_us >= row.expires_us:
            values = {"state": "expired", "answered_us": now_us}
        elif _done_here(writer, row):
            values = {"state": "done", "answered_us": now_us}
        elif not row.online or not row.now:
            values = {"state": "no_session", "answered_us": now_us}
        else:
            values = {"state": "sent", "session": row.now}
            offset_us = row.clock_offset_us or 0
            if abs(offset_us) < CLOCK_OFFSET_NOISE_US:
                offset_us = 0
            payload = composer.sealed(
                CommandOrder,
                row.edge,
                now_us,
                session=row.now,
                command_id=row.public_id,
                operator=row.operator,
                expires_at_us=row.expires_us - offset_us,  # by the edge's own clock
                command=msgspec.json.decode(row.command, type=Command),
                supervisor=row.supervisor,
            )
            put(connection, row.edge, "command", payload, expires_us=row.expires_us)
        if values:
            connection.execute(update(commands).where(commands.c.id == row.id).values(**values))


def _grace_us(command: str) -> int:
    return ENCODE_GRACE_US if isinstance(msgspec.json.decode(command, type=Command), EncodeCard) else ANSWER_GRACE_US


def _done_here(writer: LedgerWriter, row: Any) -> bool:
    """Acknowledge an alarm that the server itself raised, if it is one."""
    command = msgspec.json.decode(row.command, type=Command)
    if not isinstance(command, AcknowledgeAlarm):
        return False
    if not writer.facts(row.edge_id).stands(command.alarm, command.subject, SERVER):
        return False
    # alarms of the server's own are not in the edges' closed list
    seen = AlarmAcknowledged(command.alarm, command.subject, row.operator, command.note, command.key)  # type: ignore[arg-type]
    writer.own_event(row.edge_id, seen)
    if command.alarm in PAST_CAUSES:
        writer.own_event(row.edge_id, AlarmCleared(command.alarm, command.subject))  # type: ignore[arg-type]
    return True
