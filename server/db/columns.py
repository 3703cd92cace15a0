"""Column types that both databases need spelled out."""

from typing import Any

from sqlalchemy import BigInteger, Integer

BIG_INT: Any = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: microseconds, sequences, policy ids. On SQLite a plain INTEGER, so that a key of it is the row id."""
