"""The bounded queue: what happens when it is full, per kind."""

import signal
import threading

from edge.inbox import INPUT_ROOM, MESSAGE_BYTES_ROOM, MESSAGE_ROOM, READ_ROOM, Inbox
from edge.ports import InputChanged, LinkUp, MessageArrived, Presented, Rejected, Stimulus, StopAsked

READ = Presented("hall-in", "desfire", "1", "authenticated", 1)
REX = InputChanged("rex", "hall-door", True)
JOIN_S = 5.0


def test_what_was_posted_is_taken_in_order() -> None:
    inbox = Inbox()
    posted: list[Stimulus] = [READ, REX, LinkUp(), MessageArrived("ack", b"")]
    assert all(inbox.post(stimulus) for stimulus in posted)
    assert inbox.take(0) == posted
    assert inbox.take(0) == []


def test_card_reads_beyond_their_room_are_dropped_and_counted() -> None:
    inbox = Inbox()
    assert [inbox.post(READ) for _ in range(READ_ROOM + 2)].count(False) == 2
    assert not inbox.post(Rejected("hall-in", "two_cards", "desfire", 1))
    assert inbox.dropped_reads == 3


def test_messages_beyond_their_room_are_dropped_and_counted() -> None:
    inbox = Inbox()
    assert [inbox.post(MessageArrived("ack", b"")) for _ in range(MESSAGE_ROOM + 3)].count(False) == 3
    assert inbox.dropped_messages == 3


def test_large_messages_have_less_room() -> None:
    inbox = Inbox()
    large = MessageArrived("chunk", bytes(MESSAGE_BYTES_ROOM // 2))
    assert [inbox.post(large) for _ in range(3)] == [True, True, False]
    inbox.take(0)
    assert inbox.post(large)


def test_a_flood_of_reads_and_messages_leaves_room_for_rex() -> None:
    inbox = Inbox()
    for _ in range(READ_ROOM + MESSAGE_ROOM):
        inbox.post(READ)
        inbox.post(MessageArrived("ack", b""))
    assert inbox.post(REX)
    assert inbox.take(0)[-1] == REX


def test_room_is_there_again_once_taken() -> None:
    inbox = Inbox()
    for _ in range(READ_ROOM):
        inbox.post(READ)
    inbox.take(0)
    assert inbox.post(READ)


def test_an_input_waits_for_room_and_is_never_dropped() -> None:
    inbox = Inbox()
    for _ in range(INPUT_ROOM):
        inbox.post(REX)
    last = InputChanged("contact", "hall-door", True)
    poster = threading.Thread(target=inbox.post, args=(last,))
    poster.start()
    taken = inbox.take(JOIN_S)
    while last not in taken:
        taken += inbox.take(JOIN_S)
    poster.join(JOIN_S)
    assert taken == [REX] * INPUT_ROOM + [last]


def test_closing_lets_a_waiting_thread_go() -> None:
    inbox = Inbox()
    for _ in range(INPUT_ROOM):
        inbox.post(REX)
    answers: list[bool] = []
    poster = threading.Thread(target=lambda: answers.append(inbox.post(REX)))
    poster.start()
    inbox.close()
    poster.join(JOIN_S)
    assert answers == [False]
    assert not inbox.post(READ)


def test_a_stop_gets_in_however_full_it_is_and_once() -> None:
    inbox = Inbox()
    for _ in range(INPUT_ROOM):
        inbox.post(REX)
    assert inbox.post(StopAsked("SIGTERM"))
    assert inbox.post(StopAsked("SIGTERM"))
    assert inbox.take(0)[INPUT_ROOM:] == [StopAsked("SIGTERM")]


def test_a_signal_handler_wakes_the_loop_that_it_interrupts() -> None:
    inbox = Inbox()
    before = signal.signal(signal.SIGUSR1, lambda *_: inbox.post(StopAsked("SIGUSR1")))
    timer = threading.Timer(0.05, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1))
    try:
        timer.start()
        assert inbox.take(JOIN_S) == [StopAsked("SIGUSR1")]
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
