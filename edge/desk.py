"""The desk's reader in its thread: what the agent asks for goes to it, how it ended comes back as a stimulus (DESIGN 21)."""

import logging
from collections.abc import Callable, Mapping

from controller.policy import credential_key
from edge.config import ReaderLine
from edge.ports import DeviceChanged, Stimulus, WritingEnded
from readers.desk import DeskReader
from readers.drivers import open_encoder
from readers.encoder import Encoder, EncodingOrder, EncodingResult
from readers.reader import Presentation
from readers.thread import ReaderThread

TECHNOLOGY = "desfire"

_log = logging.getLogger(__name__)


class DeskThread:
    """Implements :class:`edge.ports.Desk`; ``thread`` is for the runner. Raises what ``readers.drivers.open_encoder`` raises."""

    def __init__(
        self,
        line: ReaderLine,
        card_keys: Mapping[str, bytes],
        hash_key: bytes,
        post: Callable[[Stimulus], object],
        clock_us: Callable[[], int],
        make: Callable[[str, str, Mapping[str, bytes]], Encoder] = open_encoder,
    ) -> None:
        self._hash_key = hash_key
        self._post = post
        self._reader = DeskReader(make(line.driver, line.port, card_keys), self._ended, clock_us)
        self.thread = ReaderThread(line.id, self._reader, _nothing_presented, self._health_of(line.id), clock_us)

    def write(self, command_id: str, number: str, replaces: bytes | None, until_mono_us: int) -> None:
        """The next card that is laid down gets ``number``."""

        def may_replace(carried: str) -> bool:
            return replaces is not None and credential_key(self._hash_key, TECHNOLOGY, carried) == replaces

        self._reader.ask(EncodingOrder(command_id, number, may_replace, until_mono_us))

    def _ended(self, order: EncodingOrder, result: EncodingResult) -> None:
        if result.detail:
            _log.warning("card not written: %s at %s: %s", result.outcome, result.step or "start", result.detail)
        self._post(WritingEnded(order.id, result.outcome, TECHNOLOGY, result.number, result.step, result.card))

    def _health_of(self, device: str) -> Callable[[bool, str], None]:
        def report(working: bool, cause: str) -> None:
            self._post(DeviceChanged(device, "reader", working, cause))

        return report


def _nothing_presented(_found: Presentation, _read_at_us: int) -> None:
    """A desk's reader presents no cards."""
