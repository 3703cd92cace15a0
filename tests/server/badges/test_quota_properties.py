"""Whatever is issued, reported and changed in whatever order: never a badge beyond the quota, never two per slot."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.badges.service import NewBadge, Report, issue_badge, report_badge
from server.db.engine import Database
from server.operators.actor import SYSTEM
from server.problems import Problem
from server.registry import service
from server.registry.models import QUOTAS, Customer, Holder
from tests.server.conftest import START

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("issue"), st.none(), st.just(0)),
        st.tuples(st.just("report"), st.sampled_from(["active", "suspended", "lost", "revoked"]), st.integers(0, 9)),
        st.tuples(st.just("kind"), st.sampled_from(sorted(QUOTAS)), st.just(0)),
    ),
    max_size=25,
)


@pytest.fixture
def trial(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "trial.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


def act(
    session: Session, customer: Customer, holder: Holder, number: int, name: str, value: str | None, pick: int
) -> None:
    """One act; a refusal undoes it, as a request would."""
    now = START + timedelta(minutes=number)
    if name == "issue":
        new = NewBadge(None, f"N{number}", "desfire", f"N{number}", now, None, None)
        issue_badge(session, SYSTEM, now, holder, new, b"k" * 32)
    elif name == "kind":
        service.change_customer(session, SYSTEM, now, customer, name=None, kind=value)  # type: ignore[arg-type]
    else:
        badges = session.exec(select(Badge).order_by(col(Badge.id))).all()
        if badges:
            report: Report = value  # type: ignore[assignment]
            report_badge(session, SYSTEM, now, badges[pick % len(badges)], report)


def check(session: Session, customer: Customer) -> None:
    """What must hold after every act."""
    everyone = session.exec(select(Badge)).all()
    live = [badge for badge in everyone if badge.status != "revoked"]
    assert len(live) <= QUOTAS[customer.kind]
    assert len({badge.slot for badge in live}) == len(live)
    assert len({(badge.slot, badge.generation) for badge in everyone}) == len(everyone)
    for badge in live:
        older = [other.generation for other in everyone if other.slot == badge.slot and other is not badge]
        assert all(generation < badge.generation for generation in older), "the live badge is the newest of its slot"


def play(session: Session, acts: list[tuple[str, str | None, int]]) -> None:
    """The acts on a new organisation with one holder."""
    customer = service.create_customer(
        session, SYSTEM, START, external_id=None, code="C1", kind="organisation", name="n"
    )
    person = Holder(public_id="", kind="customer", customer_id=customer.id, name="n", created_at=START)
    holder = service.create_holder(session, SYSTEM, START, person)
    for number, (name, value, pick) in enumerate(acts):
        savepoint = session.begin_nested()
        try:
            act(session, customer, holder, number, name, value, pick)
            savepoint.commit()
        except Problem as problem:
            savepoint.rollback()
            assert problem.code in ("QUOTA_EXCEEDED", "BADGE_REVOKED", "status_conflict")
        session.refresh(customer)
        check(session, customer)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACTS)
def test_no_sequence_of_acts_passes_the_quota(trial: Database, acts: list[tuple[str, str | None, int]]) -> None:
    session = trial.new_session(writes=True)
    try:
        play(session, acts)
    finally:
        session.rollback()  # the next example begins on an empty database
        session.close()
