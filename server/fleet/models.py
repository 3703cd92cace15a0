"""Tables of the fleet. The status columns of :class:`Edge` are written by the fleet's process only."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, text
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model


class Edge(Model, table=True):
    """One edge. ``name`` is its id on the wire, ``epoch`` counts its enrolments: a new one voids the key before. ``role``: ``door``, or ``desk``
    (encodes badges, decides nothing). ``revoked_at``: its key is no longer believed, nothing is sent to it.

    ``past_sessions``: the last few, by which an old status is told from a restarted edge whose clock stands behind.
    ``clock_offset_us`` = our receive time − its ``issued_at_us``. ``received_policy_*``: its last receipt.
    ``lease_{customer,staff,keyholder}_until_us``: when the leases that it was sent have ended for these classes, whatever it heard since.
    """

    __tablename__ = "edge"
    __table_args__ = (CheckConstraint("role IN ('door', 'desk')", name="role"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    role: str = "door"
    epoch: int = 0
    revoked_at: datetime | None = None
    public_key: bytes | None = None
    certificate: bytes | None = None
    token_hash: str | None = None
    token_until_us: int | None = Field(default=None, sa_type=BIG_INT)
    created_at: datetime
    enrolled_at: datetime | None = None

    online: bool = False
    online_changed_us: int | None = Field(default=None, sa_type=BIG_INT)
    session: str | None = None
    past_sessions: str = "[]"
    software: str = ""
    boot_id: str = ""
    journal_id: str | None = None
    last_seen_us: int | None = Field(default=None, sa_type=BIG_INT)
    clock_offset_us: int | None = Field(default=None, sa_type=BIG_INT)
    status_seq: int = Field(default=0, sa_type=BIG_INT)
    last_seq: int = Field(default=0, sa_type=BIG_INT)
    acked_seq: int = Field(default=0, sa_type=BIG_INT)
    outbox: int = 0
    hardware_digest: str = ""
    wall_trusted: bool | None = None
    received_policy_epoch: int = 0
    received_policy_n: int = 0
    received_policy_digest: str = ""
    received_policy_at_us: int | None = Field(default=None, sa_type=BIG_INT)
    status: str = "{}"
    lease_sent_us: int | None = Field(default=None, sa_type=BIG_INT)
    lease_policy_epoch: int = 0
    lease_policy_n: int = 0
    lease_customer_until_us: int | None = Field(default=None, sa_type=BIG_INT)
    lease_staff_until_us: int | None = Field(default=None, sa_type=BIG_INT)
    lease_keyholder_until_us: int | None = Field(default=None, sa_type=BIG_INT)


class EdgeReceipt(Model, table=True):
    """When an edge first reported a policy as its own."""

    __tablename__ = "edge_receipt"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    epoch: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    digest: str
    at_us: int = Field(sa_type=BIG_INT)


class RefusedMessage(Model, table=True):
    """How many messages were refused, by topic name and reason. ``edge`` is empty for names that are no edge of ours."""

    __tablename__ = "refused_message"

    edge: str = Field(primary_key=True)
    leaf: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    count: int = 0
    last_us: int = Field(sa_type=BIG_INT)
    last_text: str = ""


class PolicyVersion(Model, table=True):
    """One version of one edge's policy. ``delta``: zlib of the :class:`controller.policy.Delta` from the one before, as
    JSON; None for the first of an epoch. Kept as long as the ledger (DESIGN 5)."""

    __tablename__ = "policy_version"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    epoch: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    digest: str
    size: int
    delta: bytes | None = None
    made_us: int = Field(sa_type=BIG_INT)


class PolicySnapshot(Model, table=True):
    """A whole policy: zlib of its canonical bytes. The first of each epoch, and then every so often."""

    __tablename__ = "policy_snapshot"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    epoch: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    canonical: bytes


class PolicyReach(Model, table=True):
    """The version of each edge's policy that first carries a change of the registry; edges that the change does not concern
    have no row. With :class:`EdgeReceipt`: where a revocation is in force, and since when."""

    __tablename__ = "policy_reach"

    change_id: int = Field(primary_key=True, foreign_key="registry_change.id", sa_type=BIG_INT)
    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    epoch: int
    n: int


class FleetState(Model, table=True):
    """One row, id 1. ``epoch`` of all policies; ``seq_reserved``: no message down has had a ``seq`` beyond this one.
    ``compiled_site``: digest of the site file, and of the compiler's own version, that the policies were made of; another asks for a full compile."""

    __tablename__ = "fleet_state"

    id: int = Field(default=1, primary_key=True)
    epoch: int = 1
    seq_reserved: int = Field(default=0, sa_type=BIG_INT)
    compiled_site: str = ""


class OutboxMessage(Model, table=True):
    """A signed message that the broker has not taken yet. Deleted when it has; dropped after ``expires_us``."""

    __tablename__ = "outbox_message"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INT)
    edge: str
    leaf: str
    payload: bytes
    retain: bool = False
    expires_us: int | None = Field(default=None, sa_type=BIG_INT)


COMMAND_STATES = ("waiting", "sent", "done", "refused", "expired", "no_session")
_STATES = ", ".join(f"'{state}'" for state in COMMAND_STATES)
_OPEN = text("state IN ('waiting', 'sent')")


class EdgeCommand(Model, table=True):
    """A command from asked to answered. ``command`` is its JSON, ``operator`` the public id of who asked, ``supervisor`` whether that
    was one (MEANINGS 21, 27)."""

    __tablename__ = "edge_command"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        UniqueConstraint("public_id"),
        Index("ix_edge_command_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str
    edge_id: int = Field(foreign_key="edge.id", index=True)
    name: str
    command: str
    operator: str
    supervisor: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    state: str = "waiting"
    session: str | None = None
    because: str | None = None
    asked_us: int = Field(sa_type=BIG_INT)
    expires_us: int = Field(sa_type=BIG_INT)
    answered_us: int | None = Field(default=None, sa_type=BIG_INT)
