"""Files that hold keys: TOML, mode 600; one that others can read is refused (docs/interfaces.md, Key files)."""

import os
import secrets
import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

KEY_BYTES = 32

_Content = TypeVar("_Content", bound=msgspec.Struct)


class KeysError(Exception):
    """Keys are missing, damaged or exposed. The message says which file and what to do."""


def refuse_exposed(path: Path, mode: int) -> None:
    """Raise :class:`KeysError` when a file of this mode can be read by others."""
    if mode & 0o077:
        raise KeysError(f"{path}: others can read this file; run chmod 600 {path}, and rotate the keys if they did")


def read_key_file(path: Path, content_type: type[_Content]) -> _Content:
    """What the file holds. Raises :class:`KeysError`."""
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except OSError as error:
        raise KeysError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeysError(f"{path}: is not text; restore it from a backup") from error
    refuse_exposed(path, mode)
    try:
        return msgspec.convert(tomllib.loads(text), content_type)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise KeysError(f"{path}: {error}") from error


def key_of_hex(text: str, path: Path, what: str) -> bytes:
    """A key of :data:`KEY_BYTES`. Raises :class:`KeysError`; the message never holds the key."""
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise KeysError(f"{path}: {what}: not hexadecimal") from error
    if len(raw) != KEY_BYTES:
        raise KeysError(f"{path}: {what}: {len(raw)} bytes, {KEY_BYTES} are needed")
    return raw


def write_new_key_file(path: Path, text: str) -> None:
    """Make the file, on the disk when this returns. Raises :class:`KeysError` rather than overwrite one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeysError(f"{path}: exists already; keys are never overwritten") from error
    except OSError as error:
        raise KeysError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def replace_key_file(path: Path, text: str) -> None:
    """Change the file as a whole: a reader sees the old one or the new one."""
    staged = path.with_name(path.name + ".new")
    staged.unlink(missing_ok=True)
    write_new_key_file(staged, text)
    staged.replace(path)
    _sync_folder(path.parent)


def ensure_key_file(path: Path, text: str) -> None:
    """Make the file as a whole unless it is there: of several processes that start at once one wins, and the others read its file."""
    staged = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    write_new_key_file(staged, text)
    try:
        os.link(staged, path)
    except FileExistsError:
        return
    except OSError as error:
        raise KeysError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        staged.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
