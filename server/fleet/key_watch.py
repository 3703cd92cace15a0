"""Notices rotated keys while the server runs (DESIGN 7)."""

from pathlib import Path

import structlog

from server.keys import SERVER_FILE, KeysError, ServerKeys, load_keys

log = structlog.get_logger(__name__)


class KeyWatch:
    """Looks whether the key file was replaced, or its mode mended. ``folder``: the server's ``dir``."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SERVER_FILE
        self._seen = _mark(self._path)

    def changed(self) -> ServerKeys | None:
        """The new keys; None when nothing changed. Keys that cannot be used are logged, and those at hand go on."""
        found = _mark(self._path)
        if found is None or found == self._seen:
            return None
        self._seen = found
        try:
            return load_keys(self._path.parent)
        except KeysError as error:
            log.error("rotated keys cannot be used", error=str(error))
            return None


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is replaced or its mode is mended; None while it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_mode, found.st_size
