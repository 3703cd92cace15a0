"""What holds in any building that the loader accepts, whatever comes in, also while one site takes the place of another (L1, B9)."""

from functools import partial
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.actions import HoldUnlocked, Unlock
from controller.engine import Engine, Outcome
from controller.events import AccessGranted, decode_record
from controller.fold import fold
from controller.goods_events import DocumentKind
from controller.inputs import AnyInput, DoorContact, FireInput, JournalChanged, LeaseArrived, RexPressed, Started
from controller.now import SECOND_US, Now
from controller.policy import Lease, Policy
from controller.state import State, decode_state, encode_state
from tests.controller.any_site import (
    CARDS,
    DOORS,
    HARDWARE,
    INPUTS,
    POINTS,
    Step,
    card_read,
    document_scanned,
    fixed,
    item_scanned,
    policies,
)
from tests.controller.building import START_US, digest

ACTS = st.sampled_from(["step"] * 16 + ["adopt", "restart", "fail", "recover", "recover", "untrusted", "hold"])
_MOMENT = st.tuples(
    INPUTS,
    st.sampled_from([0.0, 0.1, 1.0, 1.0, 2.0, 3.0, 5.0, 61.0, 4_000.0]),
    st.sampled_from([0.0] * 30 + [-3_600.0, 3_600.0, -1_790_000_000.0, 4_000_000_000.0]),
    ACTS,
)
PAPERS: tuple[tuple[DocumentKind, int], ...] = (("slip", 1), ("slip", 2), ("order", 1))
GOODS = tuple(
    (
        partial(document_scanned, kind=kind, number=number, age_s=0.0),
        *(partial(item_scanned, text=text) for text in texts),
    )
    for kind, number in PAPERS
    for texts in (("SN-1", "SN-2", "M", "M"), ("SN-1",), ("SN-3",))
)
"""Papers with their devices, to be scanned after a tap."""
MOMENTS = st.lists(
    st.one_of(
        _MOMENT.map(lambda moment: [moment]),
        st.builds(
            lambda at, who, scans, opened: [
                *((card_read(at, card), 1.0, 0.0, "step") for card in who),
                *((scan(at), 0.1, 0.0, "step") for scan in scans),
                *((fixed(DoorContact(at.partition("-")[0], open=on)), 1.0, 0.0, "step") for on in opened),
            ],
            st.sampled_from(POINTS),
            st.lists(st.sampled_from(CARDS), min_size=1, max_size=3),
            st.sampled_from([(), (), *GOODS]),
            st.sampled_from([(True, False), (True, False), (True, False), (True,), ()]),
        ),
    ),
    min_size=12,
    max_size=30,
).map(
    lambda pieces: (
        [(fixed(DoorContact(door, open=False)), 0.0, 0.0, "step") for door in DOORS]
        + [moment for piece in pieces for moment in piece]
    )
)
"""Single inputs of any kind, and people who tap together and go through."""
POLICIES = st.tuples(policies(n=1), policies(n=2), policies(n=3))
THOROUGH = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate)
)
FEW_RECORDS = 4
"""How many wait here while the journal fails, so that some are dropped."""


class Run:
    """Plays moments on an engine whose policies and journal come and go."""

    def __init__(self, to_come: tuple[Policy, ...]) -> None:
        self.to_come = to_come
        self.at = 0
        self.journal: list[bytes] = []
        self.failing = False
        self.boots = 0
        self.now = Now(START_US, 1_000 * SECOND_US)
        self.engine = Engine(State(), "j1", HARDWARE, "edge-1")
        self.restart()

    def restart(self) -> None:
        self.failing = False
        state = State()
        for encoded in self.journal:
            fold(state, decode_record(encoded))
        self.engine = Engine(decode_state(encode_state(state)), "j1", HARDWARE, "edge-1")
        self.boots += 1
        self.now = Now(self.now.wall_us, 5 * SECOND_US, self.now.wall_trusted)
        self.give(self.engine.adopt(self.policy, digest(self.policy), self.now))
        self.handle(Started(f"boot-{self.boots}", "t"))
        self.lease()

    @property
    def policy(self) -> Policy:
        return self.to_come[self.at]

    def adopt(self) -> None:
        self.at = (self.at + 1) % len(self.to_come)
        self.give(self.engine.adopt(self.policy, digest(self.policy), self.now))
        self.lease()

    def lease(self) -> None:
        self.handle(LeaseArrived(Lease(self.policy.version, digest(self.policy), self.now.wall_us)))

    def handle(self, stimulus: AnyInput) -> Outcome:
        outcome = self.engine.handle(stimulus, self.now)
        self.give(outcome)
        return outcome

    def give(self, outcome: Outcome) -> None:
        if self.failing:
            self.engine.journal_failed("disk full", self.now)
        else:
            self.journal += self.engine.pending
            self.engine.commit()

    def play(self, step: Step, after_s: float, wall_step_s: float, act: str) -> None:
        self.pass_time(after_s, wall_step_s, act != "untrusted")
        if act == "fail":
            self.failing = True
        elif act == "recover" and self.failing:
            self.failing = False
            self.give(Outcome(None, b"", ()))
            self.handle(JournalChanged(available=True))
        elif act == "restart":
            self.restart()
        elif act == "adopt":
            self.adopt()
        if act == "hold" and not self.failing:
            self.engine.handle(step(self.now), self.now)
        else:
            self.handle(step(self.now))

    def pass_time(self, seconds: float, wall_step_s: float = 0.0, trusted: bool = True) -> None:
        step_us = round(seconds * SECOND_US)
        wall_us = max(0, self.now.wall_us + step_us + round(wall_step_s * SECOND_US))
        self.now = Now(wall_us, self.now.mono_us + step_us, trusted)

    def folded(self) -> State:
        state = State()
        for encoded in (*self.journal, *self.engine.pending):
            fold(state, decode_record(encoded))
        return state


@THOROUGH
@given(POLICIES, MOMENTS)
def test_no_input_ever_raises_and_the_fold_follows_through_any_change_of_site(
    to_come: tuple[Policy, ...], moments: list[tuple[Step, float, float, str]]
) -> None:
    run = Run(to_come)
    for moment in moments:
        run.play(*moment)
        assert run.folded() == run.engine.state
        run.engine.next_deadline_us(run.now)
        run.engine.lease_left_s(run.now)


@THOROUGH
@given(POLICIES, MOMENTS)
def test_a_journal_that_drops_records_raises_nothing_either(
    to_come: tuple[Policy, ...], moments: list[tuple[Step, float, float, str]]
) -> None:
    with patch("controller.engine.MAX_WAITING_RECORDS", FEW_RECORDS):
        run = Run(to_come)
        for moment in moments:
            run.play(*moment)
            if not run.failing:
                assert run.folded() == run.engine.state


@THOROUGH
@given(POLICIES, MOMENTS)
def test_rex_and_fire_unlock_at_once_whatever_has_happened_before(
    to_come: tuple[Policy, ...], moments: list[tuple[Step, float, float, str]]
) -> None:
    with patch("controller.engine.MAX_WAITING_RECORDS", FEW_RECORDS):
        run = Run(to_come)
        for moment in moments:
            run.play(*moment)
    for door in HARDWARE:
        told = run.handle(RexPressed(door.door)).actions
        assert any(isinstance(a, Unlock | HoldUnlocked) and a.door == door.door and a.before_journal for a in told)
    already = {door.door for door in HARDWARE if run.engine.door(door.door).mode == "released"}
    told = run.handle(FireInput("z1", active=True)).actions
    for door in HARDWARE:
        if "z1" in door.fire_zones:
            assert run.engine.door(door.door).mode == "released"
            assert door.door in already or any(isinstance(a, HoldUnlocked) and a.door == door.door for a in told)


@THOROUGH
@given(POLICIES, MOMENTS, st.sampled_from(CARDS))
def test_who_taps_at_a_way_out_and_taps_again_is_let_out_whatever_has_happened_before(
    to_come: tuple[Policy, ...], moments: list[tuple[Step, float, float, str]], card: str
) -> None:
    with patch("controller.engine.MAX_WAITING_RECORDS", FEW_RECORDS):
        run = Run(to_come)
        for moment in moments:
            run.play(*moment)
    badge = next((badge for badge in run.policy.badges if badge.number == card), None)
    if badge is None or badge.status == "lost":
        return
    for point in run.policy.site.access_points:
        if not point.out:
            continue
        granted = False
        for _ in range(3):  # the first may be the confirmation that lets somebody else in
            run.pass_time(run.engine.index.limits.exit_confirm_s)  # type: ignore[union-attr]
            record = run.handle(card_read(point.id, card)(run.now)).record
            events = () if record is None else record.events
            granted = granted or any(
                isinstance(event, AccessGranted) and event.holder == badge.holder and event.out for event in events
            )
        assert granted or run.failing
