"""The life of a slip: whatever is asked in whatever order, only the table's acts change it, and its devices are reserved exactly while they must be."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from server.db.clock import to_us
from server.equipment.slip_models import ExitSlip, ExitSlipClaim
from server.equipment.slips import binding, deciding, drafting, inspecting, reconciling
from server.equipment.slips.lookup import id_of, lines_of
from server.equipment.slips.release import is_released
from server.equipment.slips.standing import standing
from server.equipment.stock import Stock
from server.equipment.stock_rows import Move
from server.operators.actor import Actor
from server.problems import Problem
from server.registry.models import Customer
from tests.server.conftest import ON_SQLITE, START
from tests.server.equipment.slips.conftest import SlipDepot

CLERK = Actor("operator", "opr_clerk", "clerk", "customer_service")
CHIEF = Actor("operator", "opr_chief", "chief", "supervisor")
GUARD = Actor("operator", "opr_guard", "guard", "guard")
LIFE: dict[str, dict[str, str]] = {
    "draft": {"submit": "submitted", "change": "draft", "cancel": "cancelled"},
    "submitted": {"reconcile": "reconciled", "change": "draft", "refuse": "refused", "cancel": "cancelled"},
    "reconciled": {
        "look": "inspected",
        "reject": "submitted",
        "change": "draft",
        "refuse": "refused",
        "cancel": "cancelled",
    },
    "inspected": {"approve": "approved", "change": "draft", "refuse": "refused", "cancel": "cancelled"},
    "approved": {"issue": "issued", "refuse": "refused", "cancel": "cancelled"},
    "issued": {"cancel": "cancelled", "leave": "issued"},
    "cancelled": {},
    "refused": {},
}
"""Status → act → status; what is not here is refused."""
RESERVED = ("reconciled", "inspected", "approved", "issued")
ACTS = sorted({act for row in LIFE.values() for act in row})


class Life:
    """One slip of two devices of its own, in a depot that many examples share."""

    def __init__(self, depot: SlipDepot, name: str) -> None:
        self.depot, self.context = depot, depot.context
        self.serials = (f"{name}A", f"{name}B")
        with self.context.database.write() as session:
            customer = session.exec(select(Customer).where(Customer.code == "C001")).one()
            moves = [
                Move(
                    direction="in", at_us=to_us(START), customer=customer.id, source="import", serial=serial, model="T1"
                )
                for serial in self.serials
            ]
            stock = Stock(session.connection(), moves, START)
            for move in moves:
                stock.take(move)
            stock.save()
            slip = drafting.create_slip(session, CLERK, self.context.clock.now(), self.content(customer))
            session.flush()
            self.slip_id = id_of(slip)
        self.status, self.gone = "draft", 0

    def content(self, customer: Customer) -> drafting.Content:
        """What the slip is about."""
        begins = START - timedelta(hours=1)
        lines = (drafting.Line("T1", 2, self.serials),)
        return drafting.Content("withdrawal", customer, "x", "", begins, begins + timedelta(days=3), None, lines, ())

    def ask(self, act: str) -> None:
        """Do it, or be refused; and compare with the table."""
        becomes = LIFE[self.status].get(act)
        if act == "leave" and self.gone == 2:
            return
        try:
            with self.context.database.write() as session:
                slip = session.get_one(ExitSlip, self.slip_id)
                before = slip.version
                getattr(self, f"do_{act}")(session, slip)
                assert slip.version > before or act == "leave"
            done = True
        except Problem as problem:
            assert problem.detail_zh
            assert problem.code == "status_conflict"
            done = False
        assert done == (becomes is not None), (self.status, act)
        self.status = becomes or self.status

    def do_submit(self, session: Session, slip: ExitSlip) -> None:
        drafting.submit(session, CLERK, self.context.clock.now(), slip)

    def do_change(self, session: Session, slip: ExitSlip) -> None:
        customer = session.get_one(Customer, slip.customer_id)
        drafting.change_slip(session, CLERK, self.context.clock.now(), slip, self.content(customer))

    def do_reconcile(self, session: Session, slip: ExitSlip) -> None:
        reconciling.reconcile(session, CLERK, self.context.clock.now(), slip)

    def do_look(self, session: Session, slip: ExitSlip) -> None:
        inspecting.inspect(session, self.context, GUARD, slip, inspecting.Given("inspection", "pass"))

    def do_reject(self, session: Session, slip: ExitSlip) -> None:
        given = inspecting.Given("inspection", "fail", note="wrong box")
        inspecting.inspect(session, self.context, GUARD, slip, given)

    def do_approve(self, session: Session, slip: ExitSlip) -> None:
        deciding.approve(session, CHIEF, self.context.clock.now(), slip, "")

    def do_refuse(self, session: Session, slip: ExitSlip) -> None:
        deciding.refuse(session, self.context, CHIEF, slip, "no")

    def do_issue(self, session: Session, slip: ExitSlip) -> None:
        edge, door = binding.goods_edge(session, self.context.site, None, None)
        deciding.issue(session, self.context, CLERK, slip, edge, door)

    def do_cancel(self, session: Session, slip: ExitSlip) -> None:
        deciding.cancel(session, self.context, CLERK, slip, "no")

    def do_leave(self, session: Session, slip: ExitSlip) -> None:
        """The next device goes through the door: nobody can refuse that, but the edge allows it for issued slips only."""
        if slip.status != "issued":
            raise Problem(409, "status_conflict", "the edge says no", "不可")
        [line] = lines_of(session, [self.slip_id])[self.slip_id]
        move = Move(
            direction="out", at_us=to_us(START), customer=slip.customer_id, source="door", serial=self.serials[self.gone], document="slip",
            document_id=self.slip_id, line=id_of(line), binding=slip.binding, event_seq=self.slip_id * 10 + self.gone,
        )  # fmt: skip
        stock = Stock(session.connection(), [move], START)
        assert stock.take(move).kinds == ()
        stock.save()
        session.expire_all()
        self.gone += 1

    def check(self) -> None:
        """What must hold between two acts."""
        now = self.context.clock.now()
        with self.context.database.read() as session:
            slip = session.get_one(ExitSlip, self.slip_id)
            assert slip.status == self.status
            open_claims = select(ExitSlipClaim).where(
                ExitSlipClaim.slip_id == self.slip_id, col(ExitSlipClaim.released_at).is_(None)
            )
            claims = len(session.exec(open_claims).all())
            released = is_released(session, slip, now)
            held = self.status in RESERVED or (self.status == "cancelled" and not released)
            assert claims == (2 - self.gone if held else 0)
            lines = lines_of(session, [self.slip_id])[self.slip_id]
            shown = standing(slip, lines, now, released=released)
            expected = self.status
            if self.status == "issued":
                expected = ("issued", "partly_spent", "spent")[self.gone]
            elif self.status == "cancelled" and slip.binding:
                expected = "cancelling"
            assert shown == expected
            assert (slip.number is not None) == (slip.binding > 0)


@ON_SQLITE
def test_only_the_acts_of_its_status_change_a_slip(depot: SlipDepot) -> None:
    names = iter(range(10_000))

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.one_of(st.sampled_from(ACTS), st.just("forward")), max_size=14))
    def live(acts: list[str]) -> None:
        life = Life(depot, f"T{next(names)}")
        for act in acts:
            onward = next(iter(LIFE[life.status]), "submit")
            life.ask(onward if act == "forward" else act)
            life.check()

    live()
