"""``[[escalation]]`` of the server's configuration (docs/escalation.md)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from controller.event_base import AlarmName

OwnAlarm = Literal["RECORDS_LOST", "SERVER_RESTORED"]
"""Alarms of the server's own."""


class EscalationSettings(BaseModel):
    """One channel. ``priority``: alarms of this priority and more urgent ones; without it 1, or any where ``alarms`` names them.
    ``after_s``: how long an alarm may stand unacknowledged. ``url_file``: mode 600, one URL a line. ``ca``: by which webhooks' certificates are checked
    instead of the system's authorities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
    url_file: Path
    priority: Literal[1, 2, 3] | None = None
    after_s: Annotated[float, Field(ge=0, le=86_400)] = 120
    alarms: Annotated[tuple[AlarmName | OwnAlarm, ...], Field(max_length=50)] = ()
    ca: Path | None = None
