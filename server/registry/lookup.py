"""Finding rows of the registry by the names that requests use, and refusing names that the site does not have."""

from collections.abc import Iterable

from sqlmodel import Session, case, col, or_, select

from controller.site import Site
from server.problems import Problem, not_found
from server.registry.models import Customer, Holder


def find_customer(session: Session, name: str, field: str | None = None) -> Customer:
    """By code, public id or external id, in this order: one customer's code may be another's external id. Raises
    :class:`Problem`."""
    named = or_(Customer.code == name, Customer.public_id == name, Customer.external_id == name)
    rank = case((col(Customer.code) == name, 0), (col(Customer.public_id) == name, 1), else_=2)
    found = session.exec(select(Customer).where(named).order_by(rank)).first()
    if found is None:
        raise not_found("customer", "客户", name, field)
    return found


def find_holder(session: Session, name: str, field: str | None = None) -> Holder:
    """By public id or external id, in this order. Raises :class:`Problem`."""
    named = or_(Holder.public_id == name, Holder.external_id == name)
    rank = case((col(Holder.public_id) == name, 0), else_=1)
    found = session.exec(select(Holder).where(named).order_by(rank)).first()
    if found is None:
        raise not_found("holder", "持证人", name, field)
    return found


def codes_of(session: Session, customer_ids: set[int | None]) -> dict[int | None, str]:
    """The codes of these customers, by id."""
    wanted = {customer_id for customer_id in customer_ids if customer_id is not None}
    if not wanted:
        return {}
    return dict(session.exec(select(Customer.id, Customer.code).where(col(Customer.id).in_(wanted))).all())


def refuse_unknown_areas(site: Site, areas: Iterable[str], field: str) -> None:
    """Raise :class:`Problem` 422 for an area that the site file does not have."""
    known = {area.id for area in site.areas}
    for area in areas:
        if area not in known:
            raise Problem(
                422,
                "unknown_area",
                f"{field}: the site has no area {area!r}; it has {', '.join(sorted(known))}.",
                f"{field}：场地没有区域 {area}。",
                field=field,
            )


def refuse_taken(session: Session, model: type[Customer] | type[Holder], external_id: str | None) -> None:
    """Raise :class:`Problem` 409 for an external id that is in use."""
    if external_id is None:
        return
    if session.exec(select(model.id).where(model.external_id == external_id)).first() is not None:
        raise taken("external_id", external_id)


def taken(field: str, value: str) -> Problem:
    """409: the value must be unique and is in use."""
    return Problem(409, f"{field}_taken", f"{field} {value!r} is in use.", f"{field} {value} 已被占用。", field=field)
