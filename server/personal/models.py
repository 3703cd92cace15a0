"""The table of attachments: photos, ID copies, letters. Encrypted rows (DESIGN 17); the key of each lies elsewhere."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from server.db.model import Model

ATTACHMENT_PARTS = ("photo", "id_copy", "letter", "loss_letter")


class Attachment(Model, table=True):
    """One file that was handed in: with an application, or with what has the public id ``subject`` (a permit, a person on it, a visit). ``holder_id``: whom it is about;
    ``customer_id``: in whose file it lies (C4). ``key_id`` names its own key in the store of erasable keys
    (:mod:`server.personal.erasable_keys`): without that key ``cipher`` is noise, in every backup as well. ``erase_after``: set when the badge came
    back; ``erased_at``: the key is gone. A new file for the same part replaces the old one, which is erased at once."""

    __tablename__ = "attachment"
    __table_args__ = (
        CheckConstraint(f"part IN ({', '.join(repr(part) for part in ATTACHMENT_PARTS)})", name="part"),
        CheckConstraint("erased_at IS NULL OR cipher IS NULL", name="erased"),
        CheckConstraint("(application_id IS NULL) <> (subject IS NULL)", name="subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    application_id: int | None = Field(default=None, foreign_key="application.id", index=True)
    subject: str | None = Field(default=None, index=True)
    holder_id: int | None = Field(default=None, foreign_key="holder.id", index=True)
    customer_id: int | None = Field(default=None, foreign_key="customer.id")
    part: str
    media_type: str
    size: int
    sha256: bytes
    key_id: str = Field(unique=True)
    cipher: bytes | None = None
    created_by: str
    created_at: datetime
    erase_after: datetime | None = Field(default=None, index=True)
    erased_at: datetime | None = None
