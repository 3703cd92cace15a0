"""The pages of customers: list and search, the file, its history, a new one, hand-over, duplicates, looks (C1-C4, C8)."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Form, Query, Request, Response
from sqlmodel import Session, col, select
from starlette.responses import RedirectResponse

from server.console.customers import file, listing
from server.console.customers.listing import PersonField
from server.console.pages import page
from server.console.people import operators_of
from server.console.portraits import REASON as AT_DOOR
from server.context import Context
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.personal.endpoints import LookShown, list_looks
from server.problems import Problem
from server.registry.customer_files import in_force
from server.registry.duplicates import duplicates_of
from server.registry.history import FILE_TABLES, whole_history
from server.registry.lookup import find_customer, follow_merges, sees_all
from server.registry.models import CUSTOMER_CLASSES, ID_DOCUMENTS, QUOTAS, Contact, Contract, Customer, Holder
from server.registry.same_customer import FileShown, list_duplicates
from server.registry.showing import CustomerShown, show_customers
from server.registry.writing import Writing
from server.routes import AppContext, DbSession, ReadingSession, TransactionRoute

router = APIRouter(route_class=TransactionRoute, include_in_schema=False)

Reads = Annotated[Actor, requires(Permission.REGISTRY_READ)]
Writes = Annotated[Actor, requires(Permission.REGISTRY_WRITE)]
Merges = Annotated[Actor, requires(Permission.REGISTRY_MERGE)]
Audits = Annotated[Actor, requires(Permission.AUDIT_READ)]
Text = Annotated[str, Query(max_length=200)]
After = Annotated[int, Query(ge=0, le=2**63 - 1)]
KINDS = tuple(QUOTAS)
PER_PAGE = 50
LATEST_CHANGES = 6


@router.get("/customers")
def list_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads,
    q: Text = "", kind: Text = "", class_: Annotated[str, Query(alias="class", max_length=20)] = "", owner: Text = "",
    unowned: bool = False, deleted: bool = False, after: Text = "",
) -> Response:  # fmt: skip
    """All customers that this operator may see, narrowed down."""
    asked = listing.Asked(q.strip(), kind, class_, owner.strip(), unowned, deleted, after)
    found, following = listing.list_page(session, context, actor, asked)
    return _list(request, session, context, actor, asked, found, following=following)


@router.post("/customers/persons")
def person_page(
    request: Request, session: ReadingSession, context: AppContext, actor: Reads,
    by: Annotated[str, Form(max_length=20)] = "phone", value: Annotated[str, Form(max_length=200)] = "",
) -> Response:  # fmt: skip
    """The files of a person with exactly this phone, name or ID number; a recorded look. By POST: the value stays out of addresses and logs."""
    found: list[listing.Listed] = []
    problem: Problem | None = None
    by = by if by in ("phone", "name", "id_number") else "phone"
    text = value.strip()
    try:
        if text:
            found = listing.files_of_person(session, context, actor, cast(PersonField, by), text)
    except Problem as refusal:
        problem = refusal
    return _list(request, session, context, actor, listing.Asked(), found, by=by, problem=problem, searched=bool(text))


@router.get("/customers/persons")
def no_person(_actor: Reads) -> Response:
    """Somebody came back to the answer of a search: it is not kept."""
    return RedirectResponse("/customers", 303)


def _list(
    request: Request, session: Session, context: Context, actor: Actor, asked: listing.Asked, found: list[listing.Listed], *,
    following: str | None = None, by: str = "", problem: Problem | None = None, searched: bool = False,
) -> Response:  # fmt: skip
    return page(
        request, session, context, actor, "customers.html", "customers", found=found, asked=asked, following=following, by=by,
        problem=problem, searched=searched, kinds=KINDS, classes=CUSTOMER_CLASSES, owners=listing.owners(session, actor),
    )  # fmt: skip


@router.get("/customers/new")
def new_page(request: Request, session: DbSession, context: AppContext, actor: Writes) -> Response:
    """The form of a new file."""
    return page(
        request, session, context, actor, "customer-new.html", "customers", kinds=KINDS, classes=CUSTOMER_CLASSES,
        any_department=sees_all(actor), owners=listing.owners(session, actor),
    )  # fmt: skip


@router.get("/customers/hand-over")
def hand_over_page(request: Request, session: DbSession, context: AppContext, actor: Writes) -> Response:
    """Whoever leaves hands over every file (C8); files that nobody looks after stand first."""
    return page(
        request, session, context, actor, "customer-hand-over.html", "customers", owners=listing.owners(session, actor)
    )


@router.get("/customers/duplicates")
def duplicates_page(
    request: Request, session: DbSession, context: AppContext, actor: Merges, after: After = 0
) -> Response:
    """Pairs of files that may be one customer, and why."""
    pairs = list_duplicates(session, actor, after, PER_PAGE)
    return page(
        request, session, context, actor, "duplicates.html", "customers", tab="duplicates", pairs=pairs.items,
        following=pairs.next, after=after,
    )  # fmt: skip


@router.get("/customers/duplicates/{one}/{other}")
def pair_page(
    request: Request, session: DbSession, context: AppContext, actor: Merges, one: str, other: str
) -> Response:
    """Two files side by side, and the merge (C3)."""
    rows = [follow_merges(session, find_customer(session, name, actor=actor)) for name in (one, other)]
    if rows[0].id == rows[1].id:
        return RedirectResponse(f"/customers/{rows[0].code}", 303)  # they are one by now
    files = show_customers(session, context.personal, rows)
    listed = listing.lines(session, context, rows)
    shared = next((pair.shared for pair in duplicates_of(session, actor, rows[0]) if pair.other == rows[1].id), [])
    return page(
        request, session, context, actor, "merge.html", "customers", tab="duplicates", files=files, lines=listed, shared=shared,
        counts=[_counts(session, row) for row in rows], together=sum(line.badges for line in listed), quota=QUOTAS[rows[0].kind],
    )  # fmt: skip


@router.get("/customers/looks")
def looks_page(
    request: Request, session: DbSession, context: AppContext, actor: Audits,
    subject: Text = "", by: Text = "", after: After = 0,
) -> Response:  # fmt: skip
    """Who looked at what, when and why, the latest first (C4)."""
    asked = {"subject": subject.strip()[:64], "by": by.strip()[:64]}
    looks = list_looks(session, actor, asked["subject"] or None, asked["by"] or None, True, after, PER_PAGE)
    return page(
        request, session, context, actor, "looks.html", "customers", tab="looks", looks=looks.items, at_door=AT_DOOR, following=looks.next,
        links=_links(session, looks.items), asked={name: value for name, value in asked.items() if value},
    )  # fmt: skip


@router.get("/customers/{name}")
def file_page(request: Request, session: DbSession, context: AppContext, actor: Reads, name: str) -> Response:
    """One customer's file: the facts, apart from them the running record (C1)."""
    row = find_customer(session, name, actor=actor)
    if row.code != name and row.public_id != name:
        return RedirectResponse(f"/customers/{row.code}", 303)  # by an external id, or of a file that was merged
    shown = show_customers(session, context.personal, [row])[0]
    persons = file.persons_of(session, context, row)
    changes = whole_history(session, context.personal, row, limit=LATEST_CHANGES).items
    return page(
        request, session, context, actor, "customer.html", "customers", file=shown, quota=QUOTAS[row.kind],
        badges=[badge for person in persons for badge in person.badges], persons=persons,
        contracts=file.contract_lines(session, context, row), contacts=file.contacts_of(session, context, row),
        doubts=file.credit_code_doubts(row), alike=_alike(session, actor, row),
        visits=file.visits_of(session, context, actor, row), devices=file.devices_of(session, context, actor, row),
        violations=file.violations_of(session, context, actor, row), changes=changes,
        by=operators_of(session, (one.by for one in changes)), places=places_of(context),
        kinds=KINDS, classes=CUSTOMER_CLASSES, documents=ID_DOCUMENTS, any_department=sees_all(actor),
        owners=listing.owners(session, actor), deletable=_deletable(session, context, actor, row, persons),
    )  # fmt: skip


@router.get("/customers/{name}/history")
def history_page(
    request: Request, session: DbSession, context: AppContext, actor: Reads, name: str, of: Text = "", after: After = 0
) -> Response:
    """Every change of the file and of what belongs to it: before and after, who and when (C3)."""
    row = find_customer(session, name, actor=actor)
    tables = [of] if of in FILE_TABLES else list(FILE_TABLES)
    changes = whole_history(session, context.personal, row, tables, after, PER_PAGE)
    return page(
        request, session, context, actor, "customer-history.html", "customers",
        file=show_customers(session, context.personal, [row])[0], changes=changes.items, following=changes.next,
        of=of if of in FILE_TABLES else "", tables=FILE_TABLES, by=operators_of(session, (one.by for one in changes.items)),
    )  # fmt: skip


def places_of(context: Context) -> list[str]:
    """The areas that a contract can name."""
    return [area.id for area in context.site.areas if not area.public]


def _alike(session: Session, actor: Actor, row: Customer) -> list[tuple[CustomerShown | FileShown, list[str]]]:
    """Files that may be the same customer, for who may merge."""
    if not actor.may(Permission.REGISTRY_MERGE) or row.deleted_at is not None:
        return []
    found: list[Any] = []
    for pair in duplicates_of(session, actor, row)[:3]:
        other = session.get_one(Customer, pair.other)
        found.append((other, pair.shared))
    return found


def _counts(session: Session, row: Customer) -> dict[str, int]:
    """What would pass over in a merge."""
    return {
        name: len(
            session.exec(select(model.id).where(model.customer_id == row.id, col(model.deleted_at).is_(None))).all()
        )
        for name, model in (("contracts", Contract), ("contacts", Contact), ("holders", Holder))
    }


def _deletable(session: Session, context: Context, actor: Actor, row: Customer, persons: list[file.Person]) -> bool:
    if row.deleted_at is not None or any(person.badges for person in persons):
        return False
    w = Writing(session, actor, context.clock.now(), context.personal)
    return session.exec(select(Contract.id).where(*in_force(w, row)).limit(1)).first() is None


def _links(session: Session, looks: list[LookShown]) -> dict[str, tuple[str, str]]:
    """Subject → address and code of the file that it belongs to, where there is one."""
    subjects = {look.subject for look in looks}
    files = select(Customer.public_id, Customer.code).where(col(Customer.public_id).in_(subjects))
    found = dict(session.exec(files).all())
    for model in (Contact, Holder):
        query = select(model.public_id, Customer.code).join(Customer, col(Customer.id) == col(model.customer_id))
        found |= dict(session.exec(query.where(col(model.public_id).in_(subjects))).all())
    return {subject: (f"/customers/{code}", code) for subject, code in found.items()}
