"""Permits, visits and emergencies; roles of the heads (issue 5)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.append_only import refuse_changes

revision = "0005"
down_revision = "0004"

ROLES = "role IN ('guard', 'customer_service', 'it_head', 'equipment_head', 'supervisor', 'auditor', 'administrator')"


def upgrade() -> None:
    """Apply."""
    _widen_roles()
    _let_others_have_files()
    op.create_table(
        "permit_signature",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kid", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("role IN ('operator', 'witness', 'closing')", name=op.f("ck_permit_signature_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit_signature")),
        sa.UniqueConstraint("subject", "by", name=op.f("uq_permit_signature_subject_by")),
        sa.UniqueConstraint("subject", "role", name=op.f("uq_permit_signature_subject_role")),
    )
    op.create_table(
        "temporary_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("number", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("technology", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("made_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("retired_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_temporary_card")),
        sa.UniqueConstraint("credential", name=op.f("uq_temporary_card_credential")),
        sa.UniqueConstraint("number", name=op.f("uq_temporary_card_number")),
        sa.UniqueConstraint("public_id", name=op.f("uq_temporary_card_public_id")),
    )
    op.create_table(
        "emergency",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("from_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("until_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("approved_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("approved_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("approved_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("admitted_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("admitted_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("admitted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("edge_id", sa.Integer(), nullable=True),
        sa.Column("access_point", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("person", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("command_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("source_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("supervisor_holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("guard_holder", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("reported_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reported_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reported_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("reconciled", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("closing_note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("closed_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("closed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_emergency_closed")),
        sa.CheckConstraint(
            "status IN ('approved', 'admitted', 'closed', 'withdrawn')", name=op.f("ck_emergency_status")
        ),
        sa.CheckConstraint(
            "status NOT IN ('admitted', 'closed') OR admitted_at IS NOT NULL", name=op.f("ck_emergency_admitted")
        ),
        sa.CheckConstraint("(source_seq IS NULL) = (approved_by IS NOT NULL)", name=op.f("ck_emergency_approved")),
        sa.CheckConstraint("approved_by <> admitted_by", name=op.f("ck_emergency_two_operators")),
        sa.CheckConstraint(
            "closed_by <> approved_by AND closed_by <> admitted_by", name=op.f("ck_emergency_third_person")
        ),
        sa.CheckConstraint("closed_by <> reported_by", name=op.f("ck_emergency_reported")),
        sa.CheckConstraint("until_at IS NULL OR from_at < until_at", name=op.f("ck_emergency_window")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_emergency_holder_id_holder")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency")),
        sa.UniqueConstraint("external_id", name=op.f("uq_emergency_external_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_emergency_public_id")),
        sa.UniqueConstraint("source_seq", name=op.f("uq_emergency_source_seq")),
    )
    op.create_index(op.f("ix_emergency_holder_id"), "emergency", ["holder_id"], unique=False)
    op.create_index("ix_emergency_status", "emergency", ["status", "id"], unique=False)

    op.create_table(
        "permit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("external_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=True),
        sa.Column("from_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("until_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("schedule", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("level", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("escort_id", sa.Integer(), nullable=True),
        sa.Column("operates", sa.Boolean(), nullable=False),
        sa.Column("created_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("submitted_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("submitted_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("decided_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("decided_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("decision_note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("ended_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("end_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'recurring' OR (schedule IS NOT NULL AND customer_id IS NOT NULL)",
            name=op.f("ck_permit_recurring"),
        ),
        sa.CheckConstraint("kind IN ('temporary', 'recurring')", name=op.f("ck_permit_kind")),
        sa.CheckConstraint(
            "status IN ('draft', 'ended', 'closed') OR submitted_at IS NOT NULL", name=op.f("ck_permit_submitted")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'approved', 'refused', 'ended', 'closed')", name=op.f("ck_permit_status")
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'refused') OR decided_at IS NOT NULL", name=op.f("ck_permit_decided")
        ),
        sa.CheckConstraint("status NOT IN ('ended', 'closed') OR ended_at IS NOT NULL", name=op.f("ck_permit_ended")),
        sa.CheckConstraint("from_at < until_at", name=op.f("ck_permit_window")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_permit_customer_id_customer")),
        sa.ForeignKeyConstraint(["escort_id"], ["holder.id"], name=op.f("fk_permit_escort_id_holder")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit")),
        sa.UniqueConstraint("external_id", name=op.f("uq_permit_external_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_permit_public_id")),
    )
    op.create_index(op.f("ix_permit_customer_id"), "permit", ["customer_id"], unique=False)
    op.create_index("ix_permit_status", "permit", ["status", "id"], unique=False)

    op.create_table(
        "permit_approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("permit_id", sa.Integer(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.CheckConstraint("role IN ('customer_service', 'it_head')", name=op.f("ck_permit_approval_role")),
        sa.ForeignKeyConstraint(["permit_id"], ["permit.id"], name=op.f("fk_permit_approval_permit_id_permit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit_approval")),
        sa.UniqueConstraint("permit_id", "by", name=op.f("uq_permit_approval_permit_id_by")),
        sa.UniqueConstraint("permit_id", "role", name=op.f("uq_permit_approval_permit_id_role")),
    )
    op.create_table(
        "permit_person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("permit_id", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_permit_person_holder_id_holder")),
        sa.ForeignKeyConstraint(["permit_id"], ["permit.id"], name=op.f("fk_permit_person_permit_id_permit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_permit_person")),
        sa.UniqueConstraint("permit_id", "holder_id", name=op.f("uq_permit_person_permit_id_holder_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_permit_person_public_id")),
    )
    op.create_index(op.f("ix_permit_person_holder_id"), "permit_person", ["holder_id"], unique=False)

    op.create_table(
        "visit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("permit_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("visitor_badge", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("without_card", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("checked_in_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("checked_in_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("checked_in_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("checked_out_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("checked_out_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("checked_out_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("content", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("operations", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("operated", sa.Boolean(), nullable=False),
        sa.Column("closed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('expected', 'checked_in', 'checked_out', 'closed', 'void')", name=op.f("ck_visit_status")
        ),
        sa.CheckConstraint(
            "status IN ('expected', 'void') OR checked_in_at IS NOT NULL", name=op.f("ck_visit_checked_in")
        ),
        sa.CheckConstraint(
            "status NOT IN ('checked_out', 'closed') OR checked_out_at IS NOT NULL", name=op.f("ck_visit_checked_out")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_visit_holder_id_holder")),
        sa.ForeignKeyConstraint(["permit_id"], ["permit.id"], name=op.f("fk_visit_permit_id_permit")),
        sa.ForeignKeyConstraint(["person_id"], ["permit_person.id"], name=op.f("fk_visit_person_id_permit_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("public_id", name=op.f("uq_visit_public_id")),
    )
    op.create_index(op.f("ix_visit_holder_id"), "visit", ["holder_id"], unique=False)
    op.create_index(op.f("ix_visit_permit_id"), "visit", ["permit_id"], unique=False)
    op.create_index("ix_visit_status", "visit", ["status", "id"], unique=False)
    op.create_index(
        "uq_visit_on",
        "visit",
        ["holder_id"],
        unique=True,
        sqlite_where=sa.text("status = 'checked_in'"),
        postgresql_where=sa.text("status = 'checked_in'"),
    )
    op.create_index(
        "uq_visit_open",
        "visit",
        ["permit_id", "holder_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('expected', 'checked_in')"),
        postgresql_where=sa.text("status IN ('expected', 'checked_in')"),
    )

    op.create_table(
        "declaration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=True),
        sa.Column("item", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("confirmed OR note <> ''", name=op.f("ck_declaration_note")),
        sa.ForeignKeyConstraint(["holder_id"], ["holder.id"], name=op.f("fk_declaration_holder_id_holder")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_declaration_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
    )
    op.create_index("ix_declaration_holder", "declaration", ["holder_id", "id"], unique=False)
    op.create_index(op.f("ix_declaration_visit_id"), "declaration", ["visit_id"], unique=False)

    op.create_table(
        "document_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=True),
        sa.Column("emergency_id", sa.Integer(), nullable=True),
        sa.Column("id_document", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("matched", sa.Boolean(), nullable=False),
        sa.Column("note", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("by_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint("(visit_id IS NULL) <> (emergency_id IS NULL)", name=op.f("ck_document_check_subject")),
        sa.ForeignKeyConstraint(
            ["emergency_id"], ["emergency.id"], name=op.f("fk_document_check_emergency_id_emergency")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_document_check_visit_id_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_check")),
    )
    op.create_index(op.f("ix_document_check_emergency_id"), "document_check", ["emergency_id"], unique=False)
    op.create_index(op.f("ix_document_check_visit_id"), "document_check", ["visit_id"], unique=False)

    op.create_table(
        "temporary_badge",
        sa.Column("badge_id", sa.Integer(), nullable=False),
        sa.Column("permit_id", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Integer(), nullable=False),
        sa.Column("card_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["badge_id"], ["badge.id"], name=op.f("fk_temporary_badge_badge_id_badge")),
        sa.ForeignKeyConstraint(
            ["card_id"], ["temporary_card.id"], name=op.f("fk_temporary_badge_card_id_temporary_card")
        ),
        sa.ForeignKeyConstraint(["permit_id"], ["permit.id"], name=op.f("fk_temporary_badge_permit_id_permit")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_temporary_badge_visit_id_visit")),
        sa.PrimaryKeyConstraint("badge_id", name=op.f("pk_temporary_badge")),
    )
    op.create_index(op.f("ix_temporary_badge_card_id"), "temporary_badge", ["card_id"], unique=False)
    op.create_index(op.f("ix_temporary_badge_permit_id"), "temporary_badge", ["permit_id"], unique=False)
    op.create_index(op.f("ix_temporary_badge_visit_id"), "temporary_badge", ["visit_id"], unique=False)

    refuse_changes(op.get_bind(), ("declaration", "document_check", "permit_approval", "permit_signature"))


def _widen_roles() -> None:
    """SQLite copies the tables. Sessions are kept aside: dropping the old table takes with it what refers to its rows."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("CREATE TEMP TABLE kept_session AS SELECT * FROM operator_session")
        op.execute("DELETE FROM operator_session")
    for table in ("operator", "api_token"):
        name = op.f(f"ck_{table}_role")
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(name, type_="check")
            batch_op.create_check_constraint(name, ROLES)
    if sqlite:
        op.execute("INSERT INTO operator_session SELECT * FROM kept_session")
        op.execute("DROP TABLE kept_session")


def _let_others_have_files() -> None:
    with op.batch_alter_table("attachment") as batch_op:
        batch_op.add_column(sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
        batch_op.add_column(sa.Column("holder_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("customer_id", sa.Integer(), nullable=True))
        batch_op.alter_column("application_id", existing_type=sa.Integer(), nullable=True)
        batch_op.create_index(op.f("ix_attachment_holder_id"), ["holder_id"], unique=False)
        batch_op.create_index(op.f("ix_attachment_subject"), ["subject"], unique=False)
        for column, table in (("customer_id", "customer"), ("holder_id", "holder")):
            name = op.f(f"fk_attachment_{column}_{table}")
            batch_op.create_foreign_key(name, table, [column], ["id"])
        batch_op.create_check_constraint(op.f("ck_attachment_subject"), "(application_id IS NULL) <> (subject IS NULL)")
