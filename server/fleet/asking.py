"""An operator asks an edge for something: the row that the fleet's thread turns into a signed order."""

from datetime import datetime

import msgspec
from sqlmodel import Session

from controller.commands import CommandBase, EncodeCard
from server.db.clock import to_us
from server.fleet.commands import ENCODE_LIFE_US, LIFE_US
from server.fleet.models import EdgeCommand
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.permissions import Permission


def ask_command(session: Session, actor: Actor, now: datetime, edge_id: int, command: CommandBase) -> str:
    """Note the command, in the audit log too, and return its id. The caller has checked the permission. That the actor counts as a
    supervisor at the edge follows from their role, never from the request."""
    public_id = new_id("cmd", now)
    encoded = msgspec.json.encode(command).decode()
    session.add(
        EdgeCommand(
            public_id=public_id,
            edge_id=edge_id,
            name=type(command).__name__,
            command=encoded,
            operator=actor.public_id,
            supervisor=actor.may(Permission.COMMAND_SUPERVISE),
            asked_us=to_us(now),
            expires_us=to_us(now) + (ENCODE_LIFE_US if isinstance(command, EncodeCard) else LIFE_US),
        )
    )
    record(session, actor, now, "command.ask", public_id, after=msgspec.to_builtins(command))
    return public_id
