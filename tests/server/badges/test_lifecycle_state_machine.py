"""Whatever is applied for, approved, bound, lost, found and replaced in whatever order, against the real database: never more badges
than the quota, never two of one slot, old and new never both able to open (B2, B4, B5)."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlmodel import Session, col, select

from server.badges import acts, applications, approval, issuing
from server.badges.documents import required_parts
from server.badges.models import GONE, Application, Badge
from server.db.engine import Database
from server.ids import new_id
from server.operators.actor import SYSTEM
from server.personal.models import Attachment
from server.problems import Problem
from server.registry.models import QUOTAS, Contract, Customer, Holder
from tests.server.badges.conftest import populate
from tests.server.conftest import START

EXPECTED = {
    "QUOTA_EXCEEDED",
    "BADGE_REVOKED",
    "status_conflict",
    "LOSS_LETTER_MISSING",
    "badge_not_lost",
    "another_customer",
    "same_holder",
    "already_applied",
    "application_decided",
    "APPLICATION_INCOMPLETE",
    "CONTRACT_ENDED",
    "card_bound",
    "number_taken",
    "reason_required",
}
ERASE_AFTER = timedelta(days=30)
PEOPLE = st.sampled_from(["li", "wang", "chen", "zhao", "guo"])
picks = st.integers(0, 40)
CUSTOMERS = st.sampled_from(["C001", "C003"])


class Desk(RuleBasedStateMachine):
    """One transaction for a whole example; each act in a savepoint, which a refusal undoes as it would a request."""

    template: Path

    @initialize()
    def open(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "trial.db"
        path.write_bytes(self.template.read_bytes())
        self.database = Database(f"sqlite:///{path}")
        self.session: Session = self.database.new_session(writes=True)
        populate(self.session)
        self.minutes = 0
        self.numbers = 0

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.rollback()
            self.session.close()
            self.database.close()
            self._folder.cleanup()

    def act(self, do: Any) -> None:
        """Do it, or undo what it began."""
        self.minutes += 1
        savepoint = self.session.begin_nested()
        try:
            do(START + timedelta(minutes=self.minutes))
            savepoint.commit()
        except Problem as problem:
            savepoint.rollback()
            assert problem.code in EXPECTED, problem.code

    def badges(self) -> list[Badge]:
        return list(self.session.exec(select(Badge).order_by(col(Badge.id))).all())

    def open_applications(self) -> list[Application]:
        query = select(Application).where(Application.status == "open").order_by(col(Application.id))
        return list(self.session.exec(query).all())

    @rule(person=PEOPLE, kind=st.sampled_from(["new", "reissue", "transfer"]), pick=picks, whole=st.booleans())
    def apply(self, person: str, kind: applications.Kind, pick: int, whole: bool) -> None:
        badges = self.badges()
        if kind != "new" and not badges:
            return
        replaced = badges[pick % len(badges)] if kind != "new" else None
        holder = self.session.exec(select(Holder).where(Holder.external_id == person)).one()
        new = applications.NewApplication(None, kind, replaced, "x", None, None, None)

        def do(now: Any) -> None:
            made = applications.create_application(self.session, SYSTEM, now, holder, new)
            customer = self.session.get(Customer, holder.customer_id) if holder.customer_id is not None else None
            required = required_parts(holder.kind, customer.kind if customer is not None else None, kind)
            for part in required if whole else required[:-1]:
                self.attach(made, part, now)

        self.act(do)

    def attach(self, application: Application, part: str, now: Any) -> None:
        name = new_id("att", now)
        row = Attachment(
            public_id=name,
            application_id=application.id,
            part=part,
            media_type="image/jpeg",
            size=0,
            sha256=b"",
            key_id=name,
            cipher=b"",
            created_by="t",
            created_at=now,
        )
        self.session.add(row)
        self.session.flush()

    @precondition(lambda self: hasattr(self, "session") and self.open_applications())
    @rule(pick=picks, yes=st.booleans())
    def decide(self, pick: int, yes: bool) -> None:
        waiting = self.open_applications()
        application = waiting[pick % len(waiting)]
        if yes:
            self.act(
                lambda now: approval.approve(self.session, SYSTEM, now, application, approval.Decision(), ERASE_AFTER)
            )
        else:
            self.act(lambda now: applications.decide(self.session, SYSTEM, now, application, "refused", "x"))

    @precondition(lambda self: hasattr(self, "session") and self.badges())
    @rule(pick=picks, same_card=st.booleans())
    def issue(self, pick: int, same_card: bool) -> None:
        badges = self.badges()
        badge = badges[pick % len(badges)]
        self.numbers += 1
        number = "one card" if same_card else f"N{self.numbers}"
        card = issuing.BoundCard.of_number(number, "desfire", number, b"k" * 32)
        self.act(lambda now: issuing.issue_badge(self.session, SYSTEM, now, badge, card, ERASE_AFTER))

    @precondition(lambda self: hasattr(self, "session") and self.badges())
    @rule(
        pick=picks,
        as_=st.sampled_from(["active", "suspended", "lost", "lost", "revoked", "returned"]),
        reason=st.sampled_from(["", "seen"]),
    )
    def report(self, pick: int, as_: acts.Report, reason: str) -> None:
        badges = self.badges()
        badge = badges[pick % len(badges)]
        self.act(lambda now: acts.report_badge(self.session, SYSTEM, now, badge, as_, reason, ERASE_AFTER))

    @precondition(lambda self: hasattr(self, "session"))
    @rule(code=CUSTOMERS, status=st.sampled_from(["active", "active", "suspended", "ended"]))
    def contract(self, code: str, status: str) -> None:
        query = select(Contract).join(Customer, col(Customer.id) == Contract.customer_id).where(Customer.code == code)
        for row in self.session.exec(query).all():
            row.status = status
            row.version += 1
            self.session.add(row)
        self.session.flush()

    @invariant()
    def never_more_badges_than_the_quota_and_one_of_a_slot(self) -> None:
        if not hasattr(self, "session"):
            return
        kinds = dict(self.session.exec(select(Customer.id, Customer.kind)).all())
        by_customer: dict[int, list[Badge]] = {}
        for badge in self.badges():
            if badge.customer_id is not None:
                by_customer.setdefault(badge.customer_id, []).append(badge)
        for customer_id, badges in by_customer.items():
            live = [badge for badge in badges if badge.status not in GONE]
            assert len(live) <= QUOTAS[kinds[customer_id]]
            assert len({badge.slot for badge in live}) == len(live)
            assert len({(badge.slot, badge.generation) for badge in badges}) == len(badges)
            for badge in live:
                older = [other.generation for other in badges if other.slot == badge.slot and other is not badge]
                assert all(generation < badge.generation for generation in older), "the live one is the newest"

    @invariant()
    def old_and_new_never_both_open_and_no_card_opens_twice(self) -> None:
        if not hasattr(self, "session"):
            return
        badges = {badge.id: badge for badge in self.badges()}
        for badge in badges.values():
            if badge.replaces_id is not None:
                assert badges[badge.replaces_id].status in GONE
            if badge.status not in ("approved", *GONE):
                assert badge.credential is not None
                assert badge.issued_at is not None
            assert (badge.status in GONE) == (badge.deregistered_at is not None)
            assert (badge.status == "lost") <= (badge.lost_at is not None)
        cards = [badge.credential for badge in badges.values() if badge.status not in GONE and badge.credential]
        assert len(set(cards)) == len(cards)

    @invariant()
    def an_approved_application_has_its_badge(self) -> None:
        if not hasattr(self, "session"):
            return
        for application in self.session.exec(select(Application)).all():
            assert (application.status == "approved") == (application.badge_id is not None)


def test_no_sequence_of_acts_breaks_the_quota_or_opens_twice(
    sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "template", sqlite_template, raising=False)
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
