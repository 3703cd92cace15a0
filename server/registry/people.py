"""Contacts and holders: persons of a customer, own staff, visitors (C1, B5, R4). Their names are personal data (D6)."""

from typing import Any

from sqlmodel import col, select

from controller.site import Site
from server.badges.models import GONE, Badge
from server.operators.permissions import Permission
from server.problems import Problem
from server.registry import validation
from server.registry.lookup import deleted, refuse_unknown_areas
from server.registry.models import Contact, Holder
from server.registry.validation import Warned, checked, refused
from server.registry.writing import Writing, Written, change_row, new_row, refuse_taken, require

STANDING = ("areas", "may_escort", "keyholder", "duties")
"""Standing permissions: the head's to give, and to take back (R4)."""


def create_contact(w: Writing, values: dict[str, Any]) -> Written[Contact]:
    """A new contact of ``values["customer_id"]``; a first one, or one marked so, becomes the primary one. Raises :class:`Problem`."""
    require(values | {"customer": values.get("customer_id")}, None, "customer", "name")
    values, warnings = _checked_contact(w, None, values)
    if values.get("is_primary"):
        _unmark_primary(w, values["customer_id"], None)
    return new_row(w, Contact, {"source_system": "", "is_primary": False} | values)._replace(warnings=warnings)


def change_contact(w: Writing, contact: Contact, values: dict[str, Any]) -> Written[Contact]:
    """Change what ``values`` name. Raises :class:`Problem`."""
    if contact.deleted_at is not None and values.get("deleted_at", contact.deleted_at) is not None:
        raise deleted(contact)
    require(values | {"customer": values.get("customer_id", contact.customer_id)}, contact, "customer", "name")
    values, warnings = _checked_contact(w, contact, values)
    if values.get("is_primary"):
        _unmark_primary(w, values.get("customer_id", contact.customer_id), contact)
    return change_row(w, contact, values)._replace(warnings=warnings)


def delete_contact(w: Writing, contact: Contact) -> Written[Contact]:
    """Mark a contact as gone."""
    if contact.deleted_at is not None:
        return Written(contact, False, [], {})
    return change_row(w, contact, {"deleted_at": w.now, "is_primary": False}, "delete")


def create_holder(w: Writing, site: Site, values: dict[str, Any], *, staff: bool) -> Written[Holder]:
    """A new person: of ``values["customer_id"]``, of the own staff, or else a visitor. Raises :class:`Problem`."""
    customer_id = values.get("customer_id")
    if customer_id is not None and staff:
        raise refused(
            "staff", "staff: a holder is either of a customer or staff.", "staff：持证人要么属于客户，要么是员工。"
        )
    require(values, None, "name")
    kind = "customer" if customer_id is not None else "staff" if staff else "visitor"
    empty = _NOTHING | {"source_system": ""}
    values, warnings = _checked_holder(w, site, None, kind, empty | values)
    return new_row(w, Holder, values, kind=kind)._replace(warnings=warnings)


def change_holder(w: Writing, site: Site, holder: Holder, values: dict[str, Any]) -> Written[Holder]:
    """Change what ``values`` name; kind and customer stay: who changes employer is a new holder (B5). Raises :class:`Problem`."""
    if holder.deleted_at is not None and values.get("deleted_at", holder.deleted_at) is not None:
        raise deleted(holder)
    if values.get("customer_id", holder.customer_id) != holder.customer_id:
        raise Problem(
            409,
            "kind_fixed",
            "customer: a holder stays of one kind and one customer; someone who changes employer is a new holder.",
            "customer：持证人的类别和所属客户不能更改；换单位者请新建持证人。",
            field="customer",
            extra={"rule": "B5"},
        )
    require(values, holder, "name")
    values, warnings = _checked_holder(w, site, holder, holder.kind, values)
    return change_row(w, holder, values)._replace(warnings=warnings)


def holder_left(w: Writing, holder: Holder) -> Written[Holder]:
    """Has left or changed job: the badges stop (B5), and stay listed until they are back."""
    if holder.left_at is not None and holder.deleted_at is not None:
        return Written(holder, False, [], {})
    values = {"left_at": holder.left_at or w.now, "deleted_at": holder.deleted_at or w.now}
    return change_row(w, holder, values, "left")


def holder_is_back(w: Writing, holder: Holder) -> dict[str, Any]:
    """The values of someone who is there again. Raises :class:`Problem` 409 while badges of before are not deregistered: they would
    open doors again (B5)."""
    live = select(Badge.id).where(Badge.holder_id == holder.id, col(Badge.status).not_in(GONE))
    if w.session.exec(live.limit(1)).first() is not None:
        raise Problem(
            409,
            "badges_out",
            "This holder had left, and badges of that time are not deregistered: deregister them first.",
            "该持证人已离开，其出入证尚未注销：请先注销。",
            extra={"rule": "B5"},
        )
    return {"left_at": None, "deleted_at": None}


def _checked_contact(
    w: Writing, contact: Contact | None, values: dict[str, Any]
) -> tuple[dict[str, Any], list[Warned]]:
    values = dict(values)
    warnings: list[Warned] = []
    checked(values, "phone", validation.phone, warnings)
    checked(values, "email", validation.email, warnings)
    if values.get("is_primary", False) is None:
        values["is_primary"] = False
    _refuse_taken(w, Contact, contact, values)
    return values, warnings


def _checked_holder(
    w: Writing, site: Site, holder: Holder | None, kind: str, values: dict[str, Any]
) -> tuple[dict[str, Any], list[Warned]]:
    values = dict(values)
    warnings: list[Warned] = []
    for name in STANDING:
        if name in values and values[name] is None:
            values[name] = _NOTHING[name]
    if "duties" in values:
        values["duties"] = sorted(set(values["duties"]))
    before = {name: getattr(holder, name) if holder is not None else empty for name, empty in _NOTHING.items()}
    given = [name for name in STANDING if name in values and values[name] != before[name]]
    if holder is None and kind == "staff":
        given.insert(0, "staff")
    if given and not (given == ["areas"] and kind != "staff") and not w.actor.may(Permission.STAFF_PERMIT):
        raise Problem(
            403,
            "not_permitted",
            f"{given[0]}: standing permissions are the head's to give.",
            f"{given[0]}：员工常驻权限、陪同资格和钥匙持有人须由负责人指定。",
            field=given[0],
        )
    if values.get("areas") and kind != "staff":
        raise refused(
            "areas",
            "areas: only staff have areas of their own; a customer's come from the contract.",
            "areas：只有员工有单独授权的区域；客户的区域来自合同。",
        )
    if values.get("duties") and kind != "staff":
        raise refused("duties", "duties: only own staff have duties.", "duties：只有本场员工有职责。")
    refuse_unknown_areas(site, values.get("areas", ()), "areas")
    refuse_unknown_areas(site, values.get("may_escort", ()), "may_escort")
    checked(values, "phone", validation.phone, warnings)
    document = values.get("id_document", holder.id_document if holder is not None else None)
    checked(values, "id_number", lambda text: validation.id_number(text, document, w.now.date()), warnings)
    _refuse_taken(w, Holder, holder, values)
    return values, warnings


_NOTHING: dict[str, Any] = {"areas": [], "may_escort": [], "keyholder": False, "duties": []}
"""What somebody has without anybody saying so."""


def _refuse_taken(w: Writing, model: Any, row: Contact | Holder | None, values: dict[str, Any]) -> None:
    if "external_id" in values or "source_system" in values:
        system = values.get("source_system", row.source_system if row is not None else "")
        refuse_taken(w, model, system, values.get("external_id", row.external_id if row is not None else None), row)


def _unmark_primary(w: Writing, customer_id: int, but: Contact | None) -> None:
    query = select(Contact).where(
        Contact.customer_id == customer_id, col(Contact.is_primary), col(Contact.deleted_at).is_(None)
    )
    if but is not None:
        query = query.where(Contact.id != but.id)
    for other in w.session.exec(query.with_for_update(key_share=True)).all():
        change_row(w, other, {"is_primary": False})
