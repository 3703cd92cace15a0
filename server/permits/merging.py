"""Two customers become one: permits that the merged one applied for, and the badges that are lent under them (C3, R7)."""

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from server.badges.models import GONE, Badge
from server.ledger.keyed_rows import table_of
from server.permits.models import Permit, TemporaryBadge

MERGED = "the customer of its permit was merged"


def move_permits(connection: Connection, kept_id: int, merged_id: int, by: str) -> dict[str, int]:
    """Permits of ``merged_id`` are ``kept_id``'s. Their badges change with them: a policy follows what changes in the badge rows
    alone, and says whose visitors they are. ``by``: who merges."""
    permits, badges, lent = table_of(Permit), table_of(Badge), table_of(TemporaryBadge).c
    moved = (
        update(permits)
        .where(permits.c.customer_id == merged_id)
        .values(customer_id=kept_id, version=permits.c.version + 1)
        .returning(permits.c.id)
    )
    found = list(connection.scalars(moved))
    live = select(lent.badge_id).join(badges, badges.c.id == lent.badge_id).where(badges.c.status.not_in(GONE))
    for start in range(0, len(found), 500):
        some = badges.c.id.in_(live.where(lent.permit_id.in_(found[start : start + 500])))
        noted = {"status_reason": MERGED, "changed_by": by, "version": badges.c.version + 1}
        connection.execute(update(badges).where(some).values(noted))
    return {"permits": len(found)} if found else {}
