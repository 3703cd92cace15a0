"""Where a scan ends, whatever the pieces in which it comes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readers.scanner.framing import HALF_S, TERMINATORS, Framer, Scan, Terminator

MOST = 16
ENDS: dict[str, tuple[bytes, bytes]] = {
    "cr": (b"", b"\r"), "lf": (b"", b"\n"), "crlf": (b"", b"\r\n"), "tab": (b"", b"\t"), "stx-etx": (b"\x02", b"\x03"),
}  # fmt: skip
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=MOST).filter(
    lambda text: not text.isspace()
)
often = settings(max_examples=200, deadline=None)


def framed(text: str, end: str) -> bytes:
    before, after = ENDS[end]
    return before + text.encode() + after


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges) if a < b]


def fed(framer: Framer, pieces: list[bytes], gap_s: float = 0.0) -> list[Scan]:
    """All scans, and then what the silence after them ends."""
    at_s, found = 10.0, []
    for piece in pieces:
        found += framer.feed(piece, at_s)
        at_s += gap_s
    return found + framer.idle(at_s + HALF_S)


@often
@given(
    texts=st.lists(printable, min_size=1, max_size=4),
    end=st.sampled_from(sorted(ENDS)),
    places=st.lists(st.integers(0, 200)),
    fixed=st.booleans(),
)
def test_scans_come_out_as_they_went_in_whatever_the_pieces(
    texts: list[str], end: Terminator, places: list[int], fixed: bool
) -> None:
    framer = Framer(MOST, end if fixed else "auto")
    pieces = cut(b"".join(framed(text, end) for text in texts), places)
    assert fed(framer, pieces, gap_s=HALF_S / 3) == [Scan("read", text, len(text)) for text in texts]


@often
@given(
    stream=st.binary(max_size=80),
    places=st.lists(st.integers(0, 200)),
    terminator=st.sampled_from(TERMINATORS),
    aim=st.booleans(),
)
def test_any_bytes_give_the_same_whatever_the_pieces(
    stream: bytes, places: list[int], terminator: Terminator, aim: bool
) -> None:
    whole = fed(Framer(MOST, terminator, aim), [stream] if stream else [])
    assert fed(Framer(MOST, terminator, aim), cut(stream, places), gap_s=HALF_S / 3) == whole
    for scan in whole:
        assert scan.outcome == "read" or scan.text == ""
        assert len(scan.text) <= MOST
        assert scan.text.isascii()
        assert scan.text.isprintable()


@often
@given(
    first=printable,
    second=printable,
    end=st.sampled_from(sorted(ENDS)),
    fixed=st.booleans(),
    seen=st.booleans(),
    missing=st.integers(1, 3),
)
def test_two_scans_are_never_joined(
    first: str, second: str, end: Terminator, fixed: bool, seen: bool, missing: int
) -> None:
    """The first loses its end. Whether somebody looked in the pause or the thread slept through it: what is read was sent as one scan."""
    framer = Framer(MOST, end if fixed else "auto")
    torn = framed(first, end)[: -min(missing, len(ENDS[end][1]))] if missing < 3 else framed(first, end)[:1]
    found = framer.feed(torn, 10.0)
    if seen:
        found += framer.idle(10.0 + HALF_S)
    found += framer.feed(framed(second, end), 10.0 + HALF_S)
    read = [scan.text for scan in found if scan.outcome == "read"]
    assert set(read) <= {first, second}
    assert not seen or second in read


def test_the_rest_of_a_code_that_was_torn_while_nobody_looked_is_no_code() -> None:
    framer = Framer(MOST)
    framer.feed(b"SN-1", 1.0)
    assert framer.feed(b"2345\r", 1.0 + HALF_S) == [Scan("half", "", 8)]
    assert framer.feed(b"SN-2\r", 3.0) == [Scan("read", "SN-2", 4)]


@pytest.mark.parametrize("length", [MOST, MOST + 1, MOST + 2, 4096])
@pytest.mark.parametrize("terminator", TERMINATORS)
def test_a_longer_scan_is_too_long_once_and_is_not_kept(length: int, terminator: Terminator) -> None:
    framer = Framer(MOST, terminator)
    found = fed(
        framer, cut(framed("x" * length, "cr" if terminator == "auto" else terminator), list(range(0, length, 7)))
    )
    expected = Scan("read", "x" * length, length) if length <= MOST else Scan("too_long", "", length)
    assert found == [expected]
    assert len(framer._frame) == 0


def test_an_endless_scan_takes_no_more_memory_than_a_scan() -> None:
    framer = Framer(MOST)
    for at in range(1000):
        assert framer.feed(b"x" * 100, at / 100) == []
        assert len(framer._frame) <= MOST + 1
    assert framer.length == 100_000


@pytest.mark.parametrize("content", ["SN\x1d17", "é1", "\x00", "\x7f", "   ", "服务器"])
def test_what_is_not_printable_ascii_is_noise(content: str) -> None:
    data = content.encode()
    assert Framer(MOST).feed(data + b"\r", 0.0) == [Scan("noise", "", len(data))]


def test_a_code_of_several_lines_is_noise_where_the_end_is_fixed() -> None:
    assert Framer(MOST, "cr").feed(b"SN-1\nSN-2\r", 0.0) == [Scan("noise", "", 9)]


def test_what_stands_outside_stx_and_etx_is_no_code() -> None:
    framer = Framer(MOST, "stx-etx")
    assert framer.feed(b"\r\nSN-1\x03", 0.0) == [Scan("half", "", 4)]
    assert framer.feed(b"SN-\x02SN-2\x03\r\n", 0.0) == [Scan("half", "", 3), Scan("read", "SN-2", 4)]


@pytest.mark.parametrize(("aim", "text"), [(False, "]C1SN-1"), (True, "SN-1")])
def test_a_symbology_identifier_is_stripped_only_when_asked(aim: bool, text: str) -> None:
    assert Framer(MOST, "cr", aim).feed(b"]C1SN-1\r", 0.0) == [Scan("read", text, len(text))]


def test_the_longest_code_may_have_its_identifier_besides() -> None:
    assert Framer(4, "crlf", True).feed(b"]C1SN-1\r\n", 0.0) == [Scan("read", "SN-1", 4)]
