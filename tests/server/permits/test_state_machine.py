"""Whatever is drafted, approved, checked in, lent, lost, ended and signed in whatever order, by whomever, against the real database: what B8, R4, R6 and R8
ask for holds after every act."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlmodel import Session, col, select

from controller.site_checks import parse_site
from server.app import open_context
from server.badges.acts import report_badge
from server.badges.models import Badge
from server.config import Config
from server.context import Context
from server.db.clock import FixedClock
from server.ids import new_id
from server.operators.actor import Actor
from server.permits import approval, declaration, documents, drafting, lending, visits
from server.permits.models import (
    Declaration,
    DocumentCheck,
    Permit,
    PermitSignature,
    TemporaryBadge,
    TemporaryCard,
    Visit,
)
from server.personal.models import Attachment
from server.problems import Problem
from server.registry.models import Holder
from tests.server.badges.conftest import populate
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import HOUSE

ERASE_AFTER = timedelta(days=30)
NUMBER = "11010519491231002X"
ACTORS = [
    Actor("operator", f"opr_{name}", name, role)  # type: ignore[arg-type]
    for name, role in (
        ("cs1", "customer_service"), ("cs2", "customer_service"), ("it1", "it_head"), ("adm", "administrator"), ("g1", "guard"), ("g2", "guard"),
    )
]  # fmt: skip
EXPECTED = {
    "PERMIT_INCOMPLETE", "PERMIT_NOT_APPROVED", "OUTSIDE_PERMIT_WINDOW", "FOUR_EYES", "approved_already", "not_permitted", "status_conflict",
    "DOCUMENT_UNCHECKED", "DOCUMENT_MISMATCH", "DECLARATION_INCOMPLETE", "PHOTO_MISSING", "card_out", "badge_out", "visit_open", "badge_back",
    "invalid_input", "signed", "no_witness_needed", "BADGE_REVOKED",
}  # fmt: skip
picks = st.integers(0, 5)
actors = st.sampled_from(ACTORS)


class Desk(RuleBasedStateMachine):
    """One transaction for a whole example; each act in a savepoint, which a refusal undoes as it would a request."""

    context: Context
    clock: FixedClock

    @initialize()
    def open(self) -> None:
        self.clock.advance(START - self.clock.now())
        self.session: Session = self.context.database.new_session(writes=True)
        populate(self.session)
        for number in ("T1", "T2"):
            lending.add_card(self.session, self.context, ACTORS[0], number, "desfire", number)
        self.draft(ACTORS[0], "lobby", operates=True, papers=True, of=0)
        self.draft(ACTORS[0], "hall", operates=False, papers=True, of=1)
        self.approve_wholly(0)
        self.prepare(0, ACTORS[4], right=True, all_items=True, photo=True)

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.rollback()
            self.session.close()

    def act(self, do: Callable[[], object]) -> None:
        """Do it, or undo what it began."""
        self.clock.advance(timedelta(seconds=1))
        savepoint = self.session.begin_nested()
        try:
            do()
            savepoint.commit()
        except Problem as problem:
            savepoint.rollback()
            assert problem.code in EXPECTED, problem.code

    def one(self, model: Any, pick: int) -> Any:
        rows = self.session.exec(select(model).order_by(model.id)).all()
        return rows[pick % len(rows)] if rows else None

    @rule(actor=actors, area=st.sampled_from(["lobby", "hall"]), operates=st.booleans(), papers=st.booleans(), of=picks)
    def draft(self, actor: Actor, area: str, operates: bool, papers: bool, of: int) -> None:
        def do() -> None:
            now = self.clock.now()
            terms = drafting.Terms(
                "temporary", "fan", [area], now, now + timedelta(hours=4), customer=None, operates=operates
            )
            permit = drafting.draft(self.session, self.context, actor, terms)
            known = [
                one
                for one in self.session.exec(select(Holder).where(Holder.kind == "visitor")).all()
                if one.id_document
            ]
            person = drafting.Person(known[of % len(known)].public_id) if known and of % 2 else drafting.Person(
                values={"name": "x", "id_document": "id_card", "id_number": NUMBER}
            )  # fmt: skip
            made = drafting.add_person(self.session, self.context, actor, permit, person)
            if papers:
                self.attach(made.public_id, "id_copy")
                drafting.submit(self.session, self.context, actor, permit)

        self.act(do)

    def attach(self, subject: str, part: str) -> None:
        name = new_id("att", self.clock.now())
        self.session.add(
            Attachment(
                public_id=name,
                subject=subject,
                part=part,
                media_type="image/jpeg",
                size=0,
                sha256=b"",
                key_id=name,
                cipher=b"x",
                created_by="x",
                created_at=START,
            )
        )
        self.session.flush()

    @rule(actor=actors, pick=picks, as_=st.sampled_from([None, "customer_service", "it_head"]))
    def approve(self, actor: Actor, pick: int, as_: Any) -> None:
        permit = self.one(Permit, pick)
        if permit is not None:
            self.act(lambda: approval.approve(self.session, self.context, actor, permit, as_, ""))

    @rule(pick=picks)
    def approve_wholly(self, pick: int) -> None:
        for actor, as_ in ((ACTORS[0], "customer_service"), (ACTORS[2], "it_head")):
            self.approve(actor, pick, as_)

    @rule(pick=picks, actor=actors, card=st.sampled_from(["T1", "T2"]))
    def come(self, pick: int, actor: Actor, card: str) -> None:
        """The visit that a guard makes of it, when nothing is wrong."""
        self.prepare(pick, actor, right=True, all_items=True, photo=True)
        self.check_in(pick, actor, card)

    @rule(actor=actors, pick=picks, refuse=st.booleans())
    def end(self, actor: Actor, pick: int, refuse: bool) -> None:
        permit = self.one(Permit, pick)
        if permit is not None:
            what = approval.refuse if refuse else approval.end
            self.act(lambda: what(self.session, actor, self.clock.now(), permit, "x", ERASE_AFTER))

    @rule(pick=picks, actor=actors)
    def arrive(self, pick: int, actor: Actor) -> None:
        permit = self.one(Permit, pick)
        if permit is not None:
            person = drafting.persons_of(self.session, [permit])[permit.id][0].public_id
            admin = ACTORS[3]
            self.act(lambda: visits.arrive(self.session, admin, self.clock.now(), permit.public_id, person))

    @rule(pick=picks, actor=actors, right=st.booleans(), all_items=st.booleans(), photo=st.booleans())
    def prepare(self, pick: int, actor: Actor, right: bool, all_items: bool, photo: bool) -> None:
        visit = self.one(Visit, pick)
        if visit is None:
            return

        def do() -> None:
            holder = self.session.get_one(Holder, visit.holder_id)
            typed = "002X" if right else "0000"
            documents.check_document(self.session, self.context, actor, visit, holder, "id_card", typed, "")
            items = list(declaration.ITEMS)[: None if all_items else 5]
            words = {item: declaration.Word(True) for item in items}
            declaration.declare(self.session, actor, self.clock.now(), visit.holder_id, words, visit)
            if photo:
                self.attach(visit.public_id, "photo")

        self.act(do)

    @rule(pick=picks, actor=actors, card=st.sampled_from(["T1", "T2", None]))
    def check_in(self, pick: int, actor: Actor, card: str | None) -> None:
        visit = self.one(Visit, pick)
        if visit is not None:
            permit = self.session.get_one(Permit, visit.permit_id)
            given = visits.CheckIn(card, "" if card else "none left", "V1")
            self.act(lambda: visits.check_in(self.session, self.context, actor, visit, permit, given))

    @rule(pick=picks, actor=actors, card=st.sampled_from(["T1", "T2"]))
    def lend(self, pick: int, actor: Actor, card: str) -> None:
        visit = self.one(Visit, pick)
        if visit is not None:
            permit = self.session.get_one(Permit, visit.permit_id)
            self.act(lambda: visits.lend_another(self.session, actor, self.clock.now(), visit, permit, card))

    @rule(pick=picks, actor=actors, badge=st.sampled_from(["returned", "lost", None]), operated=st.booleans())
    def check_out(self, pick: int, actor: Actor, badge: Any, operated: bool) -> None:
        visit = self.one(Visit, pick)
        if visit is not None:
            permit = self.session.get_one(Permit, visit.permit_id)
            given = visits.CheckOut("x", "y", badge, operated)
            self.act(lambda: visits.check_out(self.session, self.context, actor, visit, permit, given))

    @rule(actor=actors, badge=st.sampled_from(["returned", "lost"]), operated=st.booleans())
    def leave(self, actor: Actor, badge: Any, operated: bool) -> None:
        """Whoever has been here longest."""
        visit = self.session.exec(select(Visit).where(Visit.status == "checked_in")).first()
        if visit is not None:
            every = self.session.exec(select(Visit).order_by(col(Visit.id))).all()
            self.check_out(every.index(visit), actor, badge, operated)

    @rule(pick=picks, actor=actors, back=st.booleans(), waiting=st.booleans())
    def settle(self, pick: int, actor: Actor, back: bool, waiting: bool) -> None:
        unsigned = self.session.exec(select(Visit).where(Visit.status == "checked_out")).first()
        visit = unsigned if waiting else self.one(Visit, pick)
        if visit is not None:
            permit = self.session.get_one(Permit, visit.permit_id)
            what = visits.badge_came_back if back else visits.witness
            self.act(lambda: what(self.session, self.context, actor, visit, permit))

    @rule(pick=picks, as_=st.sampled_from(["lost", "suspended", "revoked"]))
    def report(self, pick: int, as_: Any) -> None:
        badge = self.one(Badge, pick)
        if badge is not None:
            now = self.clock.now()
            self.act(lambda: report_badge(self.session, ACTORS[3], now, badge, as_, "x", ERASE_AFTER))

    @rule(minutes=st.sampled_from([10, 100, 250]))
    def wait(self, minutes: int) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        self.act(lambda: approval.end_what_is_over(self.session, self.clock.now(), ERASE_AFTER, 100))

    @invariant()
    def what_the_rules_ask_for_holds(self) -> None:
        if not hasattr(self, "session"):
            return
        permits = {row.id: row for row in self.session.exec(select(Permit)).all()}
        rows = self.session.exec(select(Visit)).all()
        self.approvals_are_whole(permits)
        on = [row.holder_id for row in rows if row.status == "checked_in"]
        assert len(set(on)) == len(on)
        lent = self.lent_badges(permits, {row.id: row for row in rows})
        for row in rows:
            permit = permits[row.permit_id]
            if row.status in ("checked_in", "checked_out", "closed"):
                self.was_admitted_rightly(row)
            if row.status == "closed":
                assert all(one.status == "returned" or one.lost_at for one in lent.get(row.id, []))
                signed = self.session.exec(
                    select(PermitSignature).where(PermitSignature.subject == row.public_id)
                ).all()
                assert len({one.by for one in signed}) >= (2 if row.operated else 1)
            if permit.status in ("ended", "closed", "refused"):
                assert row.status != "expected"
            if permit.status == "closed":
                assert row.status in ("closed", "void")

    def approvals_are_whole(self, permits: dict[int | None, Permit]) -> None:
        given = approval.approvals_of(self.session, list(permits.values()))
        for permit in permits.values():
            needed = set(approval.approvals_needed(self.context.site, permit))
            by = {one.role: one.by for one in given.get(permit.id, [])}
            whole = set(by) >= needed and len(set(by.values())) == len(by)
            if permit.status == "approved":
                assert whole
            if permit.status == "submitted":
                assert not whole

    def lent_badges(self, permits: Any, by_id: dict[int | None, Visit]) -> dict[int | None, list[Badge]]:
        found: dict[int | None, list[Badge]] = {}
        out: list[int] = []
        query = select(TemporaryBadge, Badge).join(Badge, col(Badge.id) == TemporaryBadge.badge_id)
        for link, badge in self.session.exec(query).all():
            found.setdefault(link.visit_id, []).append(badge)
            if badge.status != "returned":
                out.append(link.card_id)
            if badge.status in ("issued", "active"):
                permit = permits[link.permit_id]
                assert by_id[link.visit_id].status == "checked_in"
                assert permit.status == "approved" or permit.until_at <= self.clock.now()
        assert len(set(out)) == len(out), "a card is out twice"
        assert len(self.session.exec(select(TemporaryCard)).all()) == 2
        return found

    def was_admitted_rightly(self, visit: Visit) -> None:
        assert visit.checked_in_at is not None
        checks = select(DocumentCheck).where(DocumentCheck.visit_id == visit.id)
        before = [
            one
            for one in self.session.exec(checks.order_by(col(DocumentCheck.id))).all()
            if one.at <= visit.checked_in_at
        ]
        assert before
        assert before[-1].matched
        words = self.session.exec(select(Declaration).where(Declaration.visit_id == visit.id)).all()
        assert {one.item for one in words if one.confirmed} == declaration.ITEMS.keys()


@pytest.fixture
def context(config: Config, clock: FixedClock) -> Iterator[Context]:
    made = open_context(config, clock)
    made.site = parse_site(HOUSE)
    yield made
    made.close()


@ON_SQLITE
def test_whatever_happens_the_rules_hold(context: Context, clock: FixedClock) -> None:
    machine = type("Machine", (Desk,), {"context": context, "clock": clock})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
