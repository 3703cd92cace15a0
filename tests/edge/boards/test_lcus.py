from edge.boards.lcus import LcusBoard
from tests.edge.boards.board_contract import BoardContract


class TestLcus(BoardContract):
    driver = "lcus"


def test_the_bytes_are_those_of_the_makers_page() -> None:
    board = LcusBoard("/dev/null", 9600)
    assert board._command(0, True) == b"\xa0\x01\x01\xa2"
    assert board._command(0, False) == b"\xa0\x01\x00\xa1"
    assert board._command(7, True) == b"\xa0\x08\x01\xa9"
