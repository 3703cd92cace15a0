from edge.boards.kmtronic import KmtronicBoard
from tests.edge.boards.board_contract import BoardContract


class TestKmtronic(BoardContract):
    driver = "kmtronic"


def test_the_bytes_are_those_of_the_makers_page() -> None:
    board = KmtronicBoard("/dev/null", 9600)
    assert board._command(0, True) == b"\xff\x01\x01"
    assert board._command(7, False) == b"\xff\x08\x00"
