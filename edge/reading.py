"""Readers, each in its thread: what they present becomes a stimulus. What a technician must know becomes one line."""

from collections.abc import Callable, Mapping

from edge.config import ReaderLine
from edge.ports import DeviceChanged, Presented, Rejected, Stimulus
from readers.drivers import open_reader
from readers.reader import Presentation, Reader
from readers.thread import ReaderThread

Post = Callable[[Stimulus], object]


def reader_thread(
    line: ReaderLine,
    card_keys: Mapping[str, bytes],
    post: Post,
    clock_us: Callable[[], int],
    make: Callable[[str, str, tuple[str, ...], Mapping[str, bytes]], Reader] = open_reader,
) -> ReaderThread:
    """The thread of one reader of ``edge.toml``, not started. Raises what ``readers.drivers.open_reader`` raises."""
    reader = make(line.driver, line.port, line.credentials, card_keys)

    def deliver(found: Presentation, read_at_us: int) -> None:
        stimulus = stimulus_of(line.access_point, found, read_at_us)
        if stimulus is not None:
            post(stimulus)

    def report(working: bool, cause: str) -> None:
        post(DeviceChanged(line.id, "reader", working, cause))

    return ReaderThread(line.id, reader, deliver, report, clock_us)


def stimulus_of(access_point: str, found: Presentation, read_at_us: int) -> Stimulus | None:
    """A card that left and one that was taken away too soon decide nothing: None."""
    match found.outcome:
        case "read":
            return Presented(
                access_point, found.technology, found.number, found.assurance, read_at_us, found.exchange_us
            )
        case "not_authenticated" | "two_cards":
            return Rejected(access_point, found.outcome, found.technology, read_at_us)
        case _:
            return None
