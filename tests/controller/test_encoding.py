"""Writing a card at the desk as the engine records it: asked, answered or never answered, over restarts and a full disk."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.actions import Indicate, WriteCard
from controller.commands import EncodeCard
from controller.engine import Engine, Outcome
from controller.events import (
    AnyEvent,
    CardEncoded,
    CommandDone,
    EncodingStarted,
    decode_record,
)
from controller.fold import fold
from controller.inputs import AnyInput, CommandArrived, EncodingEnded, JournalChanged, Started, Stopped, TimeElapsed
from controller.now import SECOND_US, Now
from controller.reasons import Reason, remedy
from controller.state import State
from tests.controller.building import START_US, events

LIFE_US = 40 * SECOND_US
ASKED = EncodeCard("bdg_1", "A-0017")
CREDENTIAL = b"c" * 32
CARD = b"p" * 32
OUTCOMES: tuple[str, ...] = EncodingEnded.__annotations__["outcome"].__args__


class Desk:
    """An engine with a desk's reader, a clock that only the test moves, and a journal that may fail."""

    def __init__(self, desk: str = "desk-reader") -> None:
        self.desk = desk
        self.now = Now(START_US, 1_000 * SECOND_US, True)
        self.journal: list[bytes] = []
        self.failing = False
        self.engine = Engine(State(), "j1", (), "edge-d", desk)
        self.performed: list[object] = []
        self.give(Started("boot-1", "test"))

    def give(self, stimulus: AnyInput) -> Outcome:
        outcome = self.engine.handle(stimulus, self.now)
        self.performed += [action for action in outcome.actions if action.before_journal]
        if self.failing:
            for undone in self.engine.journal_failed("disk full", self.now):
                self.performed += undone.actions
            return outcome
        self.journal += self.engine.pending
        self.performed += self.engine.commit()
        return outcome

    def ask(self, command: EncodeCard = ASKED, command_id: str = "c1") -> Outcome:
        return self.give(CommandArrived(command_id, command, "li", LIFE_US))

    def answer(self, outcome: str = "encoded", command_id: str = "c1", step: str = "") -> Outcome:
        credential = CREDENTIAL if outcome in ("encoded", "CARD_BOUND") else None
        return self.give(EncodingEnded(command_id, outcome, "desfire", credential, step, CARD))  # type: ignore[arg-type]

    def wait(self, seconds: float) -> None:
        step_us = round(seconds * SECOND_US)
        self.now = Now(self.now.wall_us + step_us, self.now.mono_us + step_us, True)

    def recover(self) -> None:
        self.failing = False
        if not self.engine.state.journal_available:
            self.journal += self.engine.pending
            self.performed += self.engine.commit()
            self.give(JournalChanged(available=True))

    def restart(self) -> None:
        state = State()
        for record in self.journal:
            fold(state, decode_record(record))
        self.engine = Engine(state, "j1", (), "edge-d", self.desk)
        self.give(Started("boot-2", "test"))


def result(outcome: Outcome) -> tuple[str, str]:
    done = events(outcome, CommandDone)
    assert len(done) == 1
    assert isinstance(done[0], CommandDone)
    return done[0].result, done[0].because.reason if done[0].because is not None else ""


def test_the_reader_is_asked_once_the_order_is_in_the_journal() -> None:
    desk = Desk()
    outcome = desk.ask()
    assert events(outcome, EncodingStarted) == [
        EncodingStarted("c1", ASKED, "li", desk.now.mono_us + LIFE_US),
    ]
    assert events(outcome, CommandDone) == []
    assert desk.performed == [
        WriteCard("c1", "A-0017", None, desk.now.mono_us + LIFE_US),
        Indicate("desk-reader", "pending"),
    ]


def test_a_written_card_is_told_with_its_credential_and_ends_the_command() -> None:
    desk = Desk()
    desk.ask()
    outcome = desk.answer()
    assert events(outcome, CardEncoded) == [CardEncoded("c1", "bdg_1", "A-0017", "desfire", CREDENTIAL, "li", CARD)]
    assert result(outcome) == ("done", "")
    assert desk.performed[-1] == Indicate("desk-reader", "granted")
    assert desk.answer().record is None  # told again: nothing


@pytest.mark.parametrize("told", [outcome for outcome in OUTCOMES if outcome != "encoded"])
def test_whatever_else_the_reader_answers_is_a_refusal_with_its_own_reason(told: str) -> None:
    desk = Desk()
    desk.ask()
    outcome = desk.answer(told, step="read_key")
    assert result(outcome) == ("refused", told if told != "READER_FAILED" else "DESK_READER_FAILED")
    assert events(outcome, CardEncoded) == []
    done = events(outcome, CommandDone)[0]
    assert isinstance(done, CommandDone)
    assert done.because is not None
    assert "?" not in remedy(done.because)
    assert ("the key for reading" in remedy(done.because)) == ("step" in Reason[done.because.reason].value.inputs)
    assert desk.performed[-1] == Indicate("desk-reader", "denied")


def test_a_bound_card_is_named_by_its_keyed_hash() -> None:
    desk = Desk()
    desk.ask()
    done = events(desk.answer("CARD_BOUND"), CommandDone)[0]
    assert isinstance(done, CommandDone)
    assert done.because is not None
    assert done.because.inputs == {"credential": CREDENTIAL.hex()}


@pytest.mark.parametrize("number", ["", "x" * 25, "A 17", "A-17\n", "卡17"])
def test_a_number_that_no_card_carries_is_refused_before_any_card(number: str) -> None:
    desk = Desk()
    assert result(desk.ask(EncodeCard("bdg_1", number))) == ("refused", "NUMBER_INVALID")
    assert desk.performed == []


def test_an_edge_without_a_desk_refuses() -> None:
    assert result(Desk("").ask()) == ("refused", "NOT_A_DESK")


def test_one_card_at_a_time() -> None:
    desk = Desk()
    desk.ask()
    assert result(desk.ask(command_id="c2")) == ("refused", "DESK_BUSY")
    assert result(desk.answer()) == ("done", "")
    desk.ask(command_id="c3")
    assert desk.answer(command_id="c1").record is None
    assert result(desk.answer(command_id="c3")) == ("done", "")


def test_a_reader_that_never_answers_ends_the_command_in_time() -> None:
    desk = Desk()
    desk.ask()
    due_us = desk.engine.next_deadline_us(desk.now)
    assert due_us is not None
    desk.wait((due_us - desk.now.mono_us) / SECOND_US - 0.001)
    assert desk.give(TimeElapsed()).record is None
    desk.wait(0.001)
    assert result(desk.give(TimeElapsed())) == ("refused", "DESK_READER_FAILED")
    assert desk.engine.next_deadline_us(desk.now) is None
    assert desk.answer().record is None


def test_a_restart_ends_what_was_being_written() -> None:
    desk = Desk()
    desk.ask()
    desk.restart()
    last = decode_record(desk.journal[-1])
    assert [event.because.reason for event in last.events if isinstance(event, CommandDone) and event.because] == [
        "ENCODING_INTERRUPTED"
    ]
    desk.ask(command_id="c2")
    assert result(desk.answer(command_id="c2")) == ("done", "")


def test_an_orderly_stop_ends_it_too() -> None:
    desk = Desk()
    desk.ask()
    assert result(desk.give(Stopped("SIGTERM"))) == ("refused", "ENCODING_INTERRUPTED")


def test_nothing_is_written_while_the_journal_cannot_commit() -> None:
    desk = Desk()
    desk.failing = True
    desk.ask()
    assert not [action for action in desk.performed if isinstance(action, WriteCard)]
    desk.recover()
    told = [event for record in desk.journal for event in decode_record(record).events]
    assert [event.because.reason for event in told if isinstance(event, CommandDone) and event.because] == [
        "JOURNAL_UNAVAILABLE"
    ]


MOVES = st.sampled_from(["ask", "answer", "refuse", "late answer", "wait", "long wait", "fail", "recover", "restart"])


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=14))
def test_the_journal_tells_the_whole_story_and_no_card_is_written_without_a_record(moves: list[str]) -> None:
    desk = Desk()
    asked = 0
    for move in moves:
        if move == "ask":
            asked += 1
            desk.ask(command_id=f"c{asked}")
        elif move == "answer":
            desk.answer(command_id=f"c{asked}")
        elif move == "refuse":
            desk.answer("CARD_TAKEN_AWAY", f"c{asked}", "file")
        elif move == "late answer":
            desk.answer(command_id=f"c{asked - 1}")
        elif move in ("wait", "long wait"):
            desk.wait(5 if move == "wait" else 100)
            desk.give(TimeElapsed())
        elif move == "fail":
            desk.failing = True
        elif move == "recover":
            desk.recover()
        else:
            desk.recover()
            desk.restart()
    desk.recover()
    folded = State()
    told: list[AnyEvent] = []
    for encoded in desk.journal:
        record = decode_record(encoded)
        fold(folded, record)
        told += record.events
    assert folded == desk.engine.state
    started = {event.command_id for event in told if isinstance(event, EncodingStarted)}
    done = [event.command_id for event in told if isinstance(event, CommandDone)]
    assert {action.command_id for action in desk.performed if isinstance(action, WriteCard)} <= started
    assert len(done) == len(set(done))
    assert {event.command_id for event in told if isinstance(event, CardEncoded)} <= started & set(done)
    waiting = {desk.engine.state.encoding.command_id} if desk.engine.state.encoding else set()
    assert started - set(done) == waiting
    assert set(done) | waiting == {f"c{number}" for number in range(1, asked + 1)}
