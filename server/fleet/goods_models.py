"""Tables between equipment and the policies: what changed and no policy carries yet, and where a document's binding is over (MEANINGS 26)."""

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlmodel import Field

from server.db.columns import BIG_INT
from server.db.model import Model


class GoodsChange(Model, table=True):
    """A row that changed: ``item``, ``order`` or ``slip``. Triggers write it; whoever followed it deletes it, by its id."""

    __tablename__ = "goods_change"

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INT)
    kind: str
    row_id: int


class BindingRelease(Model, table=True):
    """The version of an edge's policy from which on it does not allow a document under this binding any more."""

    __tablename__ = "binding_release"
    __table_args__ = (
        PrimaryKeyConstraint("document", "document_id", "binding", "edge_id"),
        Index("ix_binding_release_edge", "edge_id"),
    )

    document: str
    document_id: int
    binding: int
    edge_id: int = Field(foreign_key="edge.id")
    epoch: int
    n: int


class EdgeFollowed(Model, table=True):
    """The policy that an edge's newest record of ``PolicyChanged`` names. All records before it are in the ledger."""

    __tablename__ = "edge_followed"

    edge_id: int = Field(primary_key=True, foreign_key="edge.id")
    epoch: int
    n: int
    at_us: int = Field(sa_type=BIG_INT)
