"""What of the register somebody asks for: the parameters of every list, page and export of it (docs/interfaces.md, Register)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from sqlmodel import Session

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.registry.lookup import find_customer, find_holder, refuse_unknown_areas
from server.registry.moments import Moment, begin_of, end_of
from server.rooms.register_query import Sought
from server.rooms.showing import main_rooms

Name = Annotated[str | None, Query(min_length=1, max_length=200)]


@dataclass
class Filters:
    """None: any. ``from_`` and ``until`` are as :mod:`server.registry.moments` reads them."""

    area: Annotated[str | None, Query(max_length=64)] = None
    customer: Name = None
    holder: Name = None
    badge: Annotated[str | None, Query(min_length=1, max_length=24, description="the printed number")] = None
    from_: Annotated[Moment | None, Query(alias="from", description="a time, or a date: from its beginning")] = None
    until: Annotated[Moment | None, Query(description="a time, or a date: to its end")] = None
    open_: Annotated[bool, Query(alias="open", description="only entries of people who are still inside")] = False
    incomplete: Annotated[bool, Query(description="only main-room entries without an operation")] = False
    book: Annotated[
        bool,
        Query(description="a line for each stay, as on paper: an exit stands in the line of the stay that it ended"),
    ] = False

    def sought(self, session: Session, context: Context, actor: Actor) -> Sought:
        """As the query takes it. Raises :class:`server.problems.Problem` for what there is not, or not for ``actor``."""
        if self.area is not None:
            refuse_unknown_areas(context.site, [self.area], "area")
        zone = context.site.time_zone
        customer = find_customer(session, self.customer, actor=actor) if self.customer is not None else None
        holder = find_holder(session, self.holder, actor=actor) if self.holder is not None else None
        return Sought(
            area=self.area,
            customer=customer.id if customer is not None else None,
            holder=holder.id if holder is not None else None,
            number=self.badge,
            from_us=to_us(begin_of(self.from_, zone, "from")) if self.from_ is not None else None,
            until_us=to_us(end_of(self.until, zone, "until")) if self.until is not None else None,
            open=self.open_,
            incomplete=main_rooms(context.site) if self.incomplete else None,
            book=self.book,
        )
