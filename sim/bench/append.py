"""What `bench tap` compares the journal with: the plainest durable log there is. Fixed; it is the measure, not the product."""

import os
from pathlib import Path
from types import TracebackType


class AppendedFile:
    """One file, opened for appending; :meth:`append` returns when the bytes are on the disk."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, record: bytes) -> None:
        """One write, one fdatasync."""
        os.write(self._file, record)
        os.fdatasync(self._file)

    def __enter__(self) -> "AppendedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
