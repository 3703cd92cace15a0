"""Files that hold secrets: mode 600, written whole or not at all."""

import os
import stat
from pathlib import Path


class PrivateFileError(Exception):
    """One line: which file, what is wrong with it, what to do."""


def refuse_readable_by_others(path: Path) -> None:
    """Raises :class:`PrivateFileError` when anyone but the owner may read or write the file, or it cannot be looked at."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise PrivateFileError(f"{path}: cannot be read ({error.strerror}); correct the path or its owner") from error
    if mode & 0o077:
        raise PrivateFileError(f"{path}: mode {mode:03o} lets others use a secret; run chmod 600 on it")


def read_private(path: Path) -> str:
    """The text of a secret file. Raises :class:`PrivateFileError`, also when others may read it."""
    refuse_readable_by_others(path)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PrivateFileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise PrivateFileError(f"{path}: not UTF-8 text; it is damaged or not the file that is meant") from error


def write_private(path: Path, text: str) -> None:
    """Write a new file, mode 600 from its first byte, whole and on disk or not there. Raises :class:`PrivateFileError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise PrivateFileError(
            f"{path}: cannot be written ({error.strerror}); correct the path or free the disk"
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
