"""Whether a customer for whom the CRM answers 404 is gone there. A wrong address, a proxy, or a CRM that was set up anew answers the same, and would end
contracts and stop badges: so the collection must answer, another customer must be there, and no more than a few may vanish at once.
"""

from datetime import datetime, timedelta

from sqlmodel import col, func, select

from server.crm.client import CrmAnswerInvalid, CrmAway, CrmClient
from server.crm.records import GONE, crm_actor
from server.db.engine import Database
from server.operators.models import AuditEntry
from server.registry.models import Customer

MOST_AT_ONCE = 3
AT_ONCE = timedelta(hours=1)
CONTROLS = 3
"""So many other customers of the latest written are asked for, and as many of the first, until one is there: those that came together often go
together."""


class Doubtful(CrmAway):
    """A 404 that is not believed yet: it is asked again until it is, or the customer is there; given up it would keep a contract open for ever."""


def refuse_doubtful(database: Database, client: CrmClient, source: str, external_id: str, now: datetime) -> None:
    """Return when the customer is gone there, or nothing here depends on it. Raises :class:`Doubtful`, which is told and tried again, while
    the 404 is rather a fault of the connection."""
    with database.read() as session:
        of_source = select(Customer).where(Customer.source_system == source)
        living = of_source.where(col(Customer.deleted_at).is_(None))
        one = session.exec(living.where(Customer.external_id == external_id)).first()
        if one is None:
            return
        others = select(Customer.external_id).where(
            Customer.source_system == source, col(Customer.deleted_at).is_(None), Customer.external_id != external_id
        )
        controls = {
            *session.exec(others.order_by(col(Customer.id).desc()).limit(CONTROLS)).all(),
            *session.exec(others.order_by(col(Customer.id)).limit(CONTROLS)).all(),
        }
        lately = select(func.count(func.distinct(AuditEntry.subject))).where(
            AuditEntry.act == GONE, AuditEntry.actor == crm_actor(source).public_id, col(AuditEntry.at) > now - AT_ONCE,
            AuditEntry.subject != one.public_id,
        )  # fmt: skip
        gone = session.exec(lately).one()
    where = f"GET /customers/{external_id}: 404, but"
    try:
        client.modified(now, None)
    except CrmAnswerInvalid as error:
        raise Doubtful(f"{where} the list of customers does not answer either ({error}): check crm_url") from error
    if controls and not any(client.customer(str(other)) is not None for other in controls):
        raise Doubtful(f"{where} no other customer is found there either: check crm_url; nothing was ended")
    if gone >= MOST_AT_ONCE:
        raise Doubtful(
            f"{where} {gone} customers have vanished within the hour: nothing more is ended by itself until then"
        )
