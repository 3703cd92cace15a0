"""What the accounts of issue 6 need (D1-D3): the kiosk's role, second factor, past passwords, a token's maker, approvals, the recovery secret."""

from datetime import UTC, datetime

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes

revision = "0010"
down_revision = "0009"

ROLES = (
    "role IN ('guard', 'customer_service', 'it_head', 'equipment_head', 'supervisor', 'auditor', 'kiosk',"
    " 'administrator')"
)
TEXT = sqlmodel.sql.sqltypes.AutoString
TIME = sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    """Apply."""
    _change_operators()
    op.create_table(
        "past_password",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("password_hash", TEXT(), nullable=False),
        sa.Column("until", TIME(), nullable=False),
        _of_operator("past_password"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_password")),
    )
    op.create_index(op.f("ix_past_password_operator_id"), "past_password", ["operator_id"], unique=False)
    op.create_table(
        "totp_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("operator_id", sa.Integer(), nullable=False),
        sa.Column("code_hash", TEXT(), nullable=False),
        sa.Column("used_at", TIME(), nullable=True),
        _of_operator("totp_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_code")),
    )
    op.create_index(op.f("ix_totp_code_operator_id"), "totp_code", ["operator_id"], unique=False)
    op.create_table(
        "totp_role",
        sa.Column("role", TEXT(), nullable=False),
        sa.Column("since", TIME(), nullable=False),
        sa.Column("by", TEXT(), nullable=False),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_totp_role")),
    )
    _make_approvals()
    _make_recovery()
    op.execute("DELETE FROM sign_in_failure WHERE username NOT IN (SELECT username FROM operator)")  # perhaps passwords
    refuse_changes(op.get_bind(), ["recovery_entry"])


def _of_operator(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_operator_id_operator")
    return sa.ForeignKeyConstraint(["operator_id"], ["operator.id"], name=name, ondelete="CASCADE")


def _change_operators() -> None:
    name = op.f("ck_api_token_role")
    with op.batch_alter_table("api_token") as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, ROLES)
    with op.batch_alter_table("operator") as batch_op:
        batch_op.add_column(sa.Column("closes_at", TIME(), nullable=True))
        batch_op.add_column(sa.Column("totp_cipher", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("totp_since", TIME(), nullable=True))
        batch_op.add_column(sa.Column("totp_step", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True))
    with op.batch_alter_table("api_token") as batch_op:
        batch_op.add_column(sa.Column("made_by", TEXT(), nullable=True))
        batch_op.create_index(batch_op.f("ix_api_token_made_by"), ["made_by"], unique=False)
    _name_makers()
    _end_tokens_of_the_gone()


def _name_makers() -> None:
    """Who answers for a token that is there: whoever the audit log says made it; of one that a token made, that token's maker."""
    op.execute(
        "UPDATE api_token SET made_by = (SELECT actor FROM audit_entry WHERE act = 'token.create' AND actor <> 'system'"
        " AND subject = api_token.public_id ORDER BY id LIMIT 1)"
    )
    further = sa.text(
        "UPDATE api_token SET made_by = (SELECT maker.made_by FROM api_token AS maker WHERE maker.public_id = api_token.made_by)"
        " WHERE made_by IN (SELECT public_id FROM api_token WHERE made_by IS NOT NULL)"
    )
    while op.get_bind().execute(further).rowcount:
        pass


def _end_tokens_of_the_gone() -> None:
    """Whoever is closed, or no administrator any more, leaves no token behind; on record."""
    tokens = sa.table("api_token", *map(sa.column, ("public_id", "made_by")), sa.column("revoked_at", TIME()))
    log = sa.table(
        "audit_entry",
        *(sa.column(name, TEXT()) for name in ("actor", "actor_name", "act", "subject", "address")),
        sa.column("at", TIME()),
        sa.column("before", sa.JSON()),
    )
    bind, now = op.get_bind(), datetime.now(UTC)
    ends = sa.text(
        "SELECT api_token.public_id, made_by FROM api_token JOIN operator ON operator.public_id = made_by"
        " WHERE revoked_at IS NULL AND (operator.disabled OR operator.role <> 'administrator')"
    )
    for token, maker in bind.execute(ends).all():
        bind.execute(sa.update(tokens).where(tokens.c.public_id == token).values(revoked_at=now))
        said = {"actor": "system", "actor_name": "system", "act": "token.revoke", "subject": token, "address": ""}
        bind.execute(sa.insert(log).values(at=now, before={"made_by": maker}, **said))


def _make_approvals() -> None:
    kinds = "kind IN ('account', 'second_factor', 'restore', 'repair', 'recovery')"
    statuses = "status IN ('waiting', 'approved', 'refused', 'withdrawn', 'used')"
    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", TEXT(), nullable=False),
        sa.Column("kind", TEXT(), nullable=False),
        sa.Column("subject", TEXT(), nullable=False),
        sa.Column("effect", sa.JSON(), nullable=True),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("status", TEXT(), nullable=False),
        sa.Column("asked_by", TEXT(), nullable=False),
        sa.Column("asked_name", TEXT(), nullable=False),
        sa.Column("asked_at", TIME(), nullable=False),
        sa.Column("until", TIME(), nullable=False),
        sa.Column("decided_by", TEXT(), nullable=True),
        sa.Column("decided_name", TEXT(), nullable=True),
        sa.Column("decided_at", TIME(), nullable=True),
        sa.Column("note", TEXT(), nullable=False),
        sa.Column("used_at", TIME(), nullable=True),
        sa.Column("used_name", TEXT(), nullable=True),
        sa.CheckConstraint(kinds, name=op.f("ck_approval_kind")),
        sa.CheckConstraint(statuses, name=op.f("ck_approval_status")),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'used') OR decided_by <> asked_by", name=op.f("ck_approval_four_eyes")
        ),
        sa.CheckConstraint("(status = 'waiting') = (decided_at IS NULL)", name=op.f("ck_approval_decided")),
        sa.CheckConstraint("(status = 'used') = (used_at IS NOT NULL)", name=op.f("ck_approval_used")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sa.UniqueConstraint("public_id", name=op.f("uq_approval_public_id")),
    )
    for column in ("kind", "status", "subject"):
        op.create_index(op.f(f"ix_approval_{column}"), "approval", [column], unique=False)


def _make_recovery() -> None:
    op.create_table(
        "recovery_secret",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", TEXT(), nullable=False),
        sa.Column("made_at", TIME(), nullable=False),
        sa.Column("made_by", TEXT(), nullable=False),
        sa.Column("made_name", TEXT(), nullable=False),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("in_force_at", TIME(), nullable=True),
        sa.Column("ended_at", TIME(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_secret")),
        sa.UniqueConstraint("public_id", name=op.f("uq_recovery_secret_public_id")),
    )
    secret = sa.ForeignKeyConstraint(
        ["secret_id"], ["recovery_secret.id"], name=op.f("fk_recovery_half_secret_id_recovery_secret")
    )
    op.create_table(
        "recovery_half",
        sa.Column("secret_id", sa.Integer(), nullable=False),
        sa.Column("half", TEXT(), nullable=False),
        sa.Column("holder", TEXT(), nullable=False),
        sa.Column("holder_id", TEXT(), nullable=True),
        sa.Column("holder_duty", TEXT(), nullable=False),
        sa.Column("code_hash", TEXT(), nullable=True),
        sa.Column("shown_at", TIME(), nullable=True),
        sa.Column("read_back_at", TIME(), nullable=True),
        sa.CheckConstraint("half IN ('a', 'b')", name=op.f("ck_recovery_half_half")),
        secret,
        sa.PrimaryKeyConstraint("secret_id", "half", name=op.f("pk_recovery_half")),
    )
    acts = "act IN ('made', 'half_shown', 'half_read_back', 'in_force', 'refused', 'opened', 'withdrawn')"
    op.create_table(
        "recovery_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", TIME(), nullable=False),
        sa.Column("act", TEXT(), nullable=False),
        sa.Column("secret", TEXT(), nullable=False),
        sa.Column("by", TEXT(), nullable=False),
        sa.Column("by_name", TEXT(), nullable=False),
        sa.Column("holders", TEXT(), nullable=False),
        sa.Column("reason", TEXT(), nullable=False),
        sa.Column("approved", TEXT(), nullable=False),
        sa.Column("address", TEXT(), nullable=False),
        sa.CheckConstraint(acts, name=op.f("ck_recovery_entry_act")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_entry")),
    )
    op.create_index(op.f("ix_recovery_entry_secret"), "recovery_entry", ["secret"], unique=False)
