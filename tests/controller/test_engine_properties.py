"""What holds after any sequence of inputs (DESIGN §5, MEANINGS 1, 2, 10)."""

from collections.abc import Callable, Iterable

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.actions import AnyAction, HoldUnlocked, Indicate, Lock, Unlock
from controller.commands import (
    AcknowledgeAlarm,
    Admit,
    Identify,
    LockDown,
    ReconcileOccupancy,
    Release,
    ResetFire,
    SetMaintenance,
    UnlockDoor,
)
from controller.door import TABLE, DoorCondition, DoorInput, condition
from controller.engine import Engine, Outcome
from controller.events import (
    AccessGranted,
    AccessPending,
    DoorUnlocked,
    EdgeStarted,
    Record,
    decode_record,
    encode_record,
)
from controller.fold import fold
from controller.inputs import (
    AnyInput,
    CardRead,
    CardRefused,
    CommandArrived,
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    ForkFound,
    GasInput,
    JournalChanged,
    LeaseArrived,
    LinkChanged,
    LockdownInput,
    LockFeedback,
    PersonCounted,
    PowerInput,
    RecordsLost,
    RexPressed,
    Started,
    Stopped,
    TamperInput,
    TimeElapsed,
)
from controller.now import SECOND_US, Now
from controller.policy import Lease
from controller.presence import occupancy
from controller.site import HeldOpen, Interlock
from controller.state import State, decode_state, encode_state
from tests.controller.building import (
    GUO,
    HARDWARE,
    HOLDERS,
    KEYHOLDER,
    LI,
    SITE,
    START_US,
    SUN,
    WANG,
    XU,
    badge,
    credential,
    digest,
    policy,
)

DOORS = st.sampled_from([door.door for door in HARDWARE])
POINTS = st.sampled_from([point.id for point in SITE.access_points])
ZONES = st.sampled_from(["z1", "z2", "z9"])
LOCKED = st.sampled_from(["", "hall", "cage-a"])
LOST = badge(7, "lost", holder=6, status="lost", slot=2, generation=0)
AREAS: dict[str, dict[str, object]] = {
    "lobby": {"anti_passback": "soft", "escort_for": "customers"},
    "hall": {"two_person": True, "anti_passback": "hard", "capacity": 3},
    "cage-a": {"two_person": True, "composition": "same_customer", "first_in": True},
}
DUTIES = {5: ("supervisor",), 4: ("guard",)}
DEMANDING = msgspec.structs.replace(
    SITE,
    doors=tuple(
        msgspec.structs.replace(door, duress="double_tap", held_open_by_schedule=(HeldOpen("working-hours", 60),))
        for door in SITE.doors
    ),
    interlocks=(Interlock("trap", ("hall-door", "cage-door")),),
    areas=tuple(msgspec.structs.replace(area, **AREAS.get(area.id, {})) for area in SITE.areas),
    settings={"lone_occupant_s": 30.0},
)
"""The building with all that doors and areas can ask for."""
IN_FORCE = msgspec.structs.replace(
    policy(LI, WANG, SUN, GUO, KEYHOLDER, XU, LOST, site=DEMANDING),
    holders=tuple(msgspec.structs.replace(holder, duties=DUTIES.get(holder.id, ())) for holder in HOLDERS),
)
NEXT = policy(msgspec.structs.replace(LI, status="revoked"), WANG, SUN, GUO, n=2)
LEASES = st.sampled_from([Lease(entry.version, digest(entry), START_US) for entry in (IN_FORCE, NEXT)])

Step = Callable[[Now], AnyInput]


def card_read(point: str, who: str, assurance: str, age_s: float) -> Step:
    return lambda now: CardRead(point, "desfire", credential(who), assurance, now.mono_us - round(age_s * SECOND_US))


def fixed(stimulus: AnyInput) -> Step:
    return lambda now: stimulus


COMMANDS = st.one_of(
    st.builds(UnlockDoor, DOORS, st.sampled_from(["", "delivery"])),
    st.builds(ResetFire, ZONES, st.just("all out")),
    st.builds(
        AcknowledgeAlarm,
        st.sampled_from(["BADGE_LOST", "REPEATED_DENIALS", "FIRE", "OVERSTAY", "DoorForcedOpen"]),
        st.sampled_from(["lost", "hall-in", "z1", "li", "hall-door"]),
        st.just("seen"),
        st.sampled_from(["", "K-7"]),
    ),
    st.builds(LockDown, st.just("intruder"), LOCKED),
    st.builds(Release, st.just("over"), LOCKED),
    st.builds(SetMaintenance, DOORS, st.sampled_from([0, 1, 60]), st.just("closer")),
    st.builds(Identify, POINTS),
    st.builds(Admit, POINTS, st.sampled_from(["P-1", "P-2"]), st.just("repair"), st.booleans()),
    st.builds(
        ReconcileOccupancy,
        st.sampled_from(["hall", "cage-a", "attic"]),
        st.just("counted"),
        st.lists(st.sampled_from(["li", "wang", "guo", "xu"]), max_size=3).map(tuple),
        st.integers(0, 2),
    ),
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        card_read,
        POINTS,
        st.sampled_from(["li", "wang", "sun", "guo", "key", "xu", "lost", "nobody"]),
        st.sampled_from(["authenticated", "authenticated", "identified"]),
        st.sampled_from([0.0, 0.0, 0.0, 3.0]),
    ),
    st.one_of(
        st.builds(DoorContact, DOORS, st.booleans()),
        st.builds(DoorContact, DOORS, st.booleans()),
        st.builds(RexPressed, DOORS),
        st.builds(LockFeedback, DOORS, st.booleans()),
        st.builds(ContactRattling, DOORS, st.just(41), st.booleans()),
        st.builds(LockdownInput, LOCKED, st.booleans()),
        st.builds(FireInput, ZONES, st.booleans()),
        st.builds(GasInput, ZONES, st.booleans()),
        st.builds(TamperInput, DOORS, st.booleans()),
        st.builds(PowerInput, st.just("box"), st.sampled_from(["mains", "battery"]), st.booleans()),
        st.builds(DeviceFaulted, st.just("hall-in"), st.just("reader"), st.just("unplugged")),
        st.builds(DeviceRecovered, st.just("hall-in"), st.just("reader")),
        st.builds(LinkChanged, st.booleans()),
        st.builds(PersonCounted, st.sampled_from(["hall", "attic"]), st.integers(0, 3)),
        st.builds(CommandArrived, st.just("c1"), COMMANDS, st.just("op"), st.just(0), st.booleans()),
        st.builds(LeaseArrived, LEASES),
        st.builds(Stopped, st.just("SIGTERM")),
        st.builds(ForkFound, st.just("j"), st.integers(1, 5)),
        st.builds(RecordsLost, st.just("j"), st.integers(1, 5), st.integers(6, 9)),
        st.builds(CardRefused, POINTS, st.just("two_cards"), st.just("desfire"), st.just(1_000 * SECOND_US)),
        st.just(TimeElapsed()),
    ).map(fixed),
)
MOMENTS = st.tuples(
    STEPS,
    st.sampled_from([0.0, 0.1, 0.9, 1.5, 5.0, 31.0, 4_000.0]),  # seconds until then
    st.sampled_from([0.0, 0.0, 0.0, -3_600.0, 3_600.0]),  # what the wall clock steps besides
    st.sampled_from(
        ["step", "step", "step", "step", "step", "fail", "recover", "restart", "adopt", "untrusted", "hold"]
    ),
)
AT_ONE_DOOR = st.tuples(
    st.one_of(
        st.just(RexPressed("hall-door")),
        st.builds(DoorContact, st.just("hall-door"), st.booleans()),
        st.builds(FireInput, st.just("z1"), st.booleans()),
        st.just(CommandArrived("c1", ResetFire("z1", "all out"), "op", supervisor=True)),
        st.builds(LockdownInput, st.just("hall"), st.booleans()),
        st.just(CommandArrived("c1", Release("over", "hall"), "op", supervisor=True)),
        st.just(TimeElapsed()),
    ).map(fixed)
    | st.builds(card_read, st.just("hall-in"), st.sampled_from(["li", "wang"]), st.just("authenticated"), st.just(0.0)),
    st.sampled_from([0.0, 0.0, 5.0]),
    st.just(0.0),
    st.sampled_from(["hold", "hold", "step", "fail", "recover"]),
)
"""Much at one door within few transactions: where actions can overtake each other."""
Moment = tuple[Step, float, float, str]


def at_once(*steps: Step, after_s: float = 1.0) -> list[Moment]:
    """Steps that follow each other within the pairing window."""
    return [(step, after_s, 0.0, "step") for step in steps]


def through(point: str, *people: str) -> list[Moment]:
    """They tap one after the other, and the door opens and closes."""
    door = point.rpartition("-")[0] + "-door"
    taps = [card_read(point, who, "authenticated", 0.0) for who in people]
    return at_once(*taps, fixed(DoorContact(door, open=True)), fixed(DoorContact(door, open=False)))


PEOPLE = st.sampled_from(["li", "wang", "guo", "key", "xu"])
INNER = st.sampled_from(["hall-in", "hall-in", "hall-in", "hall-out", "hall-out", "cage-in", "cage-out"])
CLOSED = at_once(*(fixed(DoorContact(door, open=False)) for door in ("lobby-door", "hall-door", "cage-door")))
IN_THE_HALL = st.lists(
    st.one_of(
        st.builds(through, INNER, PEOPLE, PEOPLE),
        st.builds(through, INNER, PEOPLE, PEOPLE),
        st.builds(through, INNER, PEOPLE),
        st.builds(lambda point, who: at_once(card_read(point, who, "authenticated", 0.0)), INNER, PEOPLE),
        st.builds(lambda command: at_once(fixed(CommandArrived("c1", command, "op", supervisor=True))), COMMANDS),
        st.sampled_from(
            [
                through("hall-in", "li", "wang"),
                through("hall-in", "xu", "guo"),
                through("hall-out", "guo", "key"),
                at_once(fixed(LinkChanged(up=False))) + through("hall-in", "key", "guo"),
                at_once(fixed(CommandArrived("c2", Admit("hall-in", "P-1", "repair"), "op")))
                + through("hall-in", "guo"),
                at_once(
                    fixed(RexPressed("hall-door")), *(fixed(DoorContact("hall-door", open=on)) for on in (True, False))
                ),
                at_once(fixed(TimeElapsed()), after_s=8.0),
                at_once(fixed(TimeElapsed()), after_s=31.0),
                at_once(fixed(TimeElapsed()), after_s=3.0),
                [(fixed(TimeElapsed()), 0.0, 0.0, "restart"), *CLOSED],
                [(fixed(TimeElapsed()), 0.0, 0.0, "fail"), *through("hall-out", "li", "wang")],
                [(fixed(TimeElapsed()), 0.0, 0.0, "recover")],
            ]
        ),
    ),
    max_size=12,
).map(lambda pieces: CLOSED + [moment for piece in pieces for moment in piece])
"""People at the hall's doors: pairs, parties, last pairs, late visitors, people admitted and counted."""
THOROUGH = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Run:
    """Plays moments on an engine as the agent would, over a journal that fails when told."""

    def __init__(self) -> None:
        self.journal: list[bytes] = []
        self.failing = False
        self.now = Now(START_US, 1_000 * SECOND_US)
        self.engine = Engine(State(), "j1", HARDWARE, "edge-1")
        self.boots = 1
        self.locks: dict[str, str] = {}
        self.outcomes: list[Outcome] = []
        self.give([self.engine.adopt(IN_FORCE, digest(IN_FORCE), self.now)])
        self.give([self.engine.handle(Started("boot-1", "t"), self.now)])
        self.give([self.engine.handle(LeaseArrived(Lease(IN_FORCE.version, digest(IN_FORCE), START_US)), self.now)])

    def give(self, outcomes: list[Outcome]) -> None:
        """Act as the agent does, and commit what waits, or let it fail."""
        self.outcomes = outcomes
        for outcome in outcomes:
            self.perform(action for action in outcome.actions if action.before_journal)
        if self.failing:
            again = self.engine.journal_failed("disk full", self.now)
            self.outcomes = again or outcomes
            for outcome in again:
                self.perform(outcome.actions)
            return
        self.journal += self.engine.pending
        self.perform(self.engine.commit())

    def perform(self, actions: Iterable[AnyAction]) -> None:
        """What the locks were told last."""
        for action in actions:
            if not isinstance(action, Indicate):
                self.locks[action.door] = "locked" if isinstance(action, Lock) else "unlocked"

    def play(self, moment: tuple[Step, float, float, str]) -> None:
        step, after_s, wall_step_s, act = moment
        self.now = Now(
            self.now.wall_us + round((after_s + wall_step_s) * SECOND_US),
            self.now.mono_us + round(after_s * SECOND_US),
            act != "untrusted",
        )
        if act == "fail":
            self.failing = True
        elif act == "recover" and self.failing:
            self.failing = False
            self.give([])
            self.give([self.engine.handle(JournalChanged(available=True), self.now)])
        elif act == "restart":
            self.restart()
        elif act == "adopt":
            self.give([self.engine.adopt(NEXT, digest(NEXT), self.now)])
        outcome = self.engine.handle(step(self.now), self.now)
        if act == "hold" and not self.failing:
            self.outcomes = [outcome]  # waits for the next input: one transaction for both
            self.perform(action for action in outcome.actions if action.before_journal)
        else:
            self.give([outcome])

    def restart(self) -> None:
        """kill -9: what the journal holds is all there is."""
        self.failing = False
        state = State()
        for encoded in self.journal:
            fold(state, decode_record(encoded))
        self.boots += 1
        self.now = Now(self.now.wall_us, SECOND_US, self.now.wall_trusted)
        self.locks = {}  # the boards go to rest before anything is read
        self.engine = Engine(state, "j1", HARDWARE, "edge-1")
        self.give([self.engine.adopt(IN_FORCE, digest(IN_FORCE), self.now)])
        self.give([self.engine.handle(Started(f"boot-{self.boots}", "t"), self.now)])

    def records(self) -> list[Record]:
        return [decode_record(encoded) for encoded in (*self.journal, *self.engine.pending)]


def _fold(records: list[Record], state: State | None = None) -> State:
    state = state or State()
    for record in records:
        fold(state, record)
    return state


@THOROUGH
@given(st.lists(MOMENTS, max_size=40) | IN_THE_HALL, st.integers(0, 60))
def test_the_fold_of_the_records_is_the_live_state_also_from_any_checkpoint(
    moments: list[tuple[Step, float, float, str]], cut: int
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        assert _fold(run.records()) == run.engine.state
    records = run.records()
    checkpoint = encode_state(_fold(records[:cut]))
    assert _fold(records[cut:], decode_state(checkpoint)) == run.engine.state
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert all(encode_record(decode_record(encoded)) == encoded for encoded in run.journal)


@THOROUGH
@given(st.lists(MOMENTS, max_size=40) | IN_THE_HALL)
def test_the_same_inputs_give_the_same_bytes(moments: list[tuple[Step, float, float, str]]) -> None:
    first, second = Run(), Run()
    for moment in moments:
        first.play(moment)
        second.play(moment)
        assert first.outcomes == second.outcomes
    assert first.journal == second.journal
    assert first.engine.pending == second.engine.pending


@THOROUGH
@given(st.lists(MOMENTS, max_size=40))
def test_nothing_unlocks_without_its_cause_in_the_same_record(moments: list[tuple[Step, float, float, str]]) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        for outcome in run.outcomes:
            unlocked = {action.door for action in outcome.actions if isinstance(action, Unlock | HoldUnlocked)}
            happened = outcome.record.events if outcome.record else ()
            caused = {event.door: event.cause for event in happened if isinstance(event, DoorUnlocked)}
            assert unlocked == set(caused)
            for door, cause in caused.items():
                if cause == "grant":
                    assert any(isinstance(event, AccessGranted) and event.door == door for event in happened)


@THOROUGH
@given(st.lists(MOMENTS, max_size=40))
def test_while_the_journal_fails_only_ways_out_unlock_and_everything_is_done_at_once(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        if not run.failing:
            continue
        assert not run.engine.state.journal_available
        for outcome in run.outcomes:
            assert all(action.before_journal for action in outcome.actions)
            for event in outcome.record.events if outcome.record else ():
                if isinstance(event, AccessGranted):
                    assert event.out
                if isinstance(event, DoorUnlocked):
                    assert event.cause != "command"


@THOROUGH
@given(st.lists(MOMENTS, max_size=40) | st.lists(AT_ONE_DOOR, min_size=4, max_size=30))
def test_a_lock_was_last_told_what_the_state_says_whatever_shares_a_transaction_or_fails(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        for door in HARDWARE:
            facts = run.engine.door(door.door)
            told = run.locks.get(door.door, "locked")
            if run.engine.pending and not run.failing:  # a batch is open: only ways out and fire have acted
                assert facts.mode != "released" or told == "unlocked"
            else:
                assert told == facts.lock


@THOROUGH
@given(st.lists(MOMENTS, max_size=40))
def test_a_door_always_ends_where_its_table_says(moments: list[tuple[Step, float, float, str]]) -> None:
    run = Run()

    def of(door: str) -> DoorCondition:
        facts = run.engine.door(door)
        return condition(facts.lock == "locked", facts.position, facts.mode == "released")

    for moment in moments:
        run.play(moment)
        for door in HARDWARE:
            facts = run.engine.door(door.door)
            assert (facts.mode == "released") == any(zone in run.engine.state.fire_latched for zone in door.fire_zones)
            before = of(door.door)
            opened = TABLE[before, DoorInput.OPENED].to
            run.give([run.engine.handle(DoorContact(door.door, open=True), run.now)])
            assert of(door.door) is opened
            run.give([run.engine.handle(DoorContact(door.door, open=False), run.now)])
            assert of(door.door) is TABLE[opened, DoorInput.CLOSED].to


@THOROUGH
@given(st.lists(MOMENTS, max_size=40) | IN_THE_HALL)
def test_no_deadline_stays_due_after_it_was_handled(moments: list[tuple[Step, float, float, str]]) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        due = run.engine.next_deadline_us(run.now)
        if due is None:
            continue
        run.now = Now(run.now.wall_us + max(0, due - run.now.mono_us), max(due, run.now.mono_us), run.now.wall_trusted)
        run.give([run.engine.handle(TimeElapsed(), run.now)])
        after = run.engine.next_deadline_us(run.now)
        assert after is None or after > run.now.mono_us


@THOROUGH
@given(st.lists(MOMENTS, max_size=30))
def test_without_a_policy_nothing_opens_but_by_rex_and_fire_and_command(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    engine = Engine(State(), "j1", HARDWARE, "edge-1")
    now = Now(START_US, 1_000 * SECOND_US)
    for step, after_s, _, _ in moments:
        now = Now(now.wall_us, now.mono_us + round(after_s * SECOND_US))
        outcome = engine.handle(step(now), now)
        engine.commit()
        for event in outcome.record.events if outcome.record else ():
            assert not isinstance(event, AccessGranted)
            if isinstance(event, DoorUnlocked):
                assert event.cause != "grant"


@THOROUGH
@given(st.lists(MOMENTS, max_size=30))
def test_a_restart_unlocks_nothing_but_doors_that_a_fire_still_releases(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
    run.restart()
    record = next(record for record in reversed(run.records()) if isinstance(record.events[0], EdgeStarted))
    assert all(event.cause == "fire" for event in record.events if isinstance(event, DoorUnlocked))
    for door in HARDWARE:
        facts = run.engine.door(door.door)
        assert facts.grants == ()
        released = any(zone in run.engine.state.fire_latched for zone in door.fire_zones)
        assert facts.lock == ("unlocked" if released else "locked")


@THOROUGH
@given(IN_THE_HALL)
def test_one_person_alone_in_a_room_for_two_is_never_without_an_alarm(
    moments: list[tuple[Step, float, float, str]],
) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
        state = run.engine.state
        for area in ("hall", "cage-a"):
            people = occupancy(state, DEMANDING, area)
            assert len(people.holders) != 1 or f"LONE_OCCUPANT/{area}" in state.alarms
            assert set(people.sure) <= set(people.holders)
            assert people.highest is None or people.lowest <= people.highest


@THOROUGH
@given(IN_THE_HALL)
def test_nobody_without_a_badge_is_ever_two_people(moments: list[tuple[Step, float, float, str]]) -> None:
    run = Run()
    for moment in moments:
        run.play(moment)
    names: dict[int, str] = {}
    for record in run.records():
        for event in record.events:
            if isinstance(event, AccessGranted | AccessPending) and event.holder < 0:
                assert names.setdefault(event.holder, event.number) == event.number
