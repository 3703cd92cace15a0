"""Tables of the superuser's recovery secret and its ledger (D3)."""

from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from server.db.model import Model

Half = Literal["a", "b"]
HALVES: tuple[Half, ...] = get_args(Half)
RecoveryAct = Literal["made", "half_shown", "half_read_back", "in_force", "refused", "opened", "withdrawn"]
RECOVERY_ACTS: tuple[RecoveryAct, ...] = get_args(RecoveryAct)


class RecoverySecret(Model, table=True):
    """One secret of two halves, each for a holder. A half is 130 random bits, made when its holder asks to see it; only its hash is kept.
    In force from ``in_force_at``, when both halves were read back from paper, until ``ended_at``."""

    __tablename__ = "recovery_secret"

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    made_at: datetime
    made_by: str
    made_name: str
    reason: str
    in_force_at: datetime | None = None
    ended_at: datetime | None = None


class RecoveryHalf(Model, table=True):
    """One half: who holds it, when it was shown, and when it was read back. ``holder_id``: the holder's own account, which alone is shown it then."""

    __tablename__ = "recovery_half"
    __table_args__ = (CheckConstraint("half IN ('a', 'b')", name="half"),)

    secret_id: int = Field(foreign_key="recovery_secret.id", primary_key=True)
    half: str = Field(primary_key=True)
    holder: str
    holder_id: str | None = None
    holder_duty: str
    code_hash: str | None = None
    shown_at: datetime | None = None
    read_back_at: datetime | None = None


class RecoveryEntry(Model, table=True):
    """The ledger: every making, showing, opening and sealing anew. Rows are only added (a trigger refuses the rest). ``approved``: who approved an
    opening, and how."""

    __tablename__ = "recovery_entry"
    __table_args__ = (
        CheckConstraint(
            f"act IN ({', '.join(repr(act) for act in RECOVERY_ACTS)})",
            name="act",
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    act: str
    secret: str = Field(index=True)
    by: str
    by_name: str
    holders: str
    reason: str = ""
    approved: str = ""
    address: str = ""
