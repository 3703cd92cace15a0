"""Equipment in the policies: its changes, where bindings are over, what each edge's records follow (issue 5)."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

from server.db.columns import BIG_INT
from server.fleet.goods_triggers import install_goods_triggers

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "goods_change",
        sa.Column("id", BIG_INT, nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goods_change")),
    )
    op.create_table(
        "binding_release",
        sa.Column("document", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("binding", sa.Integer(), nullable=False),
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_binding_release_edge_id_edge")),
        sa.PrimaryKeyConstraint("document", "document_id", "binding", "edge_id", name=op.f("pk_binding_release")),
    )
    op.create_index("ix_binding_release_edge", "binding_release", ["edge_id"], unique=False)
    op.create_table(
        "edge_followed",
        sa.Column("edge_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at_us", BIG_INT, nullable=False),
        sa.ForeignKeyConstraint(["edge_id"], ["edge.id"], name=op.f("fk_edge_followed_edge_id_edge")),
        sa.PrimaryKeyConstraint("edge_id", name=op.f("pk_edge_followed")),
    )
    install_goods_triggers(op.get_bind())
