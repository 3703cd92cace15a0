"""Base class of every table, and the names of its constraints.

A table lives in ``server/<noun>/models.py`` and derives from :class:`Model` with ``table=True``; its module is listed in
``server/db/models.py``, where Alembic finds it. Table models do not validate: requests have their own input models.

Datetimes are annotated ``datetime``: SQLModel stores aware ones in UTC, refuses naive ones, and reads them back aware
from both databases. Microseconds (``at_us``) and ledger numbers need ``sa_type=BigInteger``, or PostgreSQL overflows at
2**31. JSON columns use ``sa_type=JSON``. Integer ids are the primary key and travel in policies; what the
API shows is ``public_id`` (:func:`server.ids.new_id`). No relationships: flush a parent before its children.
"""

from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING


class Model(SQLModel):
    """Base of the table models."""


metadata = SQLModel.metadata
