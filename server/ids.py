"""Public ids: a prefix that says what it is, and a ULID (DESIGN 16). Example: ``bdg_01JD4Z…``."""

import secrets
from datetime import datetime

from ulid import ULID

from server.db.clock import to_us


def new_id(prefix: str, now: datetime) -> str:
    """A new public id made at ``now``. Prefixes: cus, con, hol, bdg, opr, ses, tok, aud; two to four letters."""
    timestamp = (to_us(now) // 1000).to_bytes(6, "big")
    return f"{prefix}_{ULID.from_bytes(timestamp + secrets.token_bytes(10))}"
