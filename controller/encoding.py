"""Writing a card at the desk, as the record tells it: started, ended, or never answered (DESIGN 21).

A card may be written to the end and its answer lost (a crash, a dead reader): the command is then refused, and doing it again with
the same card finds the number on it and ends well.
"""

from controller.actions import Indicate, WriteCard
from controller.commands import EncodeCard
from controller.event_base import Explanation
from controller.events import CardEncoded, CommandDone, EncodingStarted
from controller.inputs import CommandArrived, EncodingEnded
from controller.now import SECOND_US
from controller.reasons import Reason, because
from controller.turn import Turn

NUMBER_MOST = 24
ANSWER_US = 15 * SECOND_US
"""A card laid down in the last moment is still written; beyond this the reader counts as dead."""


def begin(turn: Turn, order: CommandArrived, asked: EncodeCard) -> Explanation | None:
    """Have the desk's reader wait for a card. The command's result comes later, unless it is refused here."""
    if not turn.desk:
        return because(Reason.NOT_A_DESK, edge=turn.edge)
    if not 1 <= len(asked.number) <= NUMBER_MOST or not all("!" <= character <= "~" for character in asked.number):
        return because(Reason.NUMBER_INVALID)
    if not turn.state.journal_available:
        return because(Reason.JOURNAL_UNAVAILABLE)
    if turn.state.encoding is not None:
        return because(Reason.DESK_BUSY)
    until_us = turn.mono_us + order.life_us
    turn.emit(EncodingStarted(order.command_id, asked, order.operator, until_us))
    turn.act(WriteCard(order.command_id, asked.number, asked.replaces, until_us))
    turn.act(Indicate(turn.desk, "pending"))
    return None


def ended(turn: Turn, told: EncodingEnded) -> None:
    """The reader's answer. One that nobody waits for any more changes nothing."""
    waiting = turn.state.encoding
    if waiting is None or waiting.command_id != told.command_id:
        return
    if told.outcome == "encoded" and told.credential is not None:
        asked = waiting.command
        turn.emit(
            CardEncoded(
                waiting.command_id,
                asked.badge,
                asked.number,
                told.technology,
                told.credential,
                waiting.operator,
                told.card,
            )
        )
        _done(turn, waiting, None)
    else:
        _done(turn, waiting, _why(told))


def deadlines_us(turn: Turn) -> list[int]:
    """Boot time at which the reader should have answered; empty when nothing is being written."""
    waiting = turn.state.encoding
    return [] if waiting is None else [waiting.until_mono_us + ANSWER_US]


def run_timer(turn: Turn) -> None:
    """No answer in time."""
    waiting = turn.state.encoding
    if waiting is not None and waiting.until_mono_us + ANSWER_US <= turn.mono_us:
        _done(turn, waiting, because(Reason.DESK_READER_FAILED))


def interrupted(turn: Turn) -> None:
    """The process ended or began anew: nobody knows how far the card has come."""
    if turn.state.encoding is not None:
        _done(turn, turn.state.encoding, because(Reason.ENCODING_INTERRUPTED))


def _done(turn: Turn, waiting: EncodingStarted, refusal: Explanation | None) -> None:
    result = CommandDone(
        waiting.command_id, waiting.command, waiting.operator, "refused" if refusal else "done", refusal
    )
    turn.emit(result)
    if turn.desk:
        turn.act(Indicate(turn.desk, "denied" if refusal else "granted"))


def _why(told: EncodingEnded) -> Explanation:
    match told.outcome:
        case "NO_CARD":
            return because(Reason.NO_CARD)
        case "TWO_CARDS":
            return because(Reason.TWO_CARDS, technology=told.technology)
        case "CARD_TAKEN_AWAY":
            return because(Reason.CARD_TAKEN_AWAY, step=told.step)
        case "NOT_DESFIRE":
            return because(Reason.NOT_DESFIRE)
        case "RANDOM_UID":
            return because(Reason.RANDOM_UID)
        case "UID_LENGTH":
            return because(Reason.UID_LENGTH)
        case "CARD_BOUND":
            return because(Reason.CARD_BOUND, credential=(told.credential or b"").hex())
        case "CARD_FOREIGN":
            return because(Reason.CARD_FOREIGN, step=told.step)
        case "CARD_REFUSED":
            return because(Reason.CARD_REFUSED, step=told.step)
    return because(Reason.DESK_READER_FAILED)
