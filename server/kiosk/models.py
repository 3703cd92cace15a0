"""The kiosk's own tables."""

from datetime import datetime

from sqlmodel import Field, Index

from server.db.model import Model


class KioskMiss(Model, table=True):
    """A number tried at a kiosk that says nothing to anybody there; forgotten after a while. ``kiosk``: the token's or operator's public id."""

    __tablename__ = "kiosk_miss"
    __table_args__ = (Index("ix_kiosk_miss_kiosk", "kiosk", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    kiosk: str
    at: datetime


class KioskLent(Model, table=True):
    """A lent badge that was shown at a kiosk; forgotten after a while. ``kiosk``: as above."""

    __tablename__ = "kiosk_lent"
    __table_args__ = (Index("ix_kiosk_lent_kiosk", "kiosk", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    kiosk: str
    number: str
    at: datetime
