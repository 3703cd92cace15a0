"""The one password of the muster page: kept as an Argon2id hash in a file of mode 600 (D2; ``menjin edge muster-password``)."""

from pathlib import Path

from pwdlib import PasswordHash
from pwdlib.exceptions import PwdlibError

from edge.private_file import PrivateFileError, read_private, write_private

MIN_CHARACTERS = 10
MAX_CHARACTERS = 200


class PasswordRefused(ValueError):
    """Not good enough. One line."""


def write_password(path: Path, password: str) -> None:
    """Replace the page's password; whoever is signed in is asked again. Raises :class:`PasswordRefused`, :class:`PrivateFileError`."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise PasswordRefused(f"the password has {len(password)} characters; take {MIN_CHARACTERS} to {MAX_CHARACTERS}")
    if len(set(password)) < MIN_CHARACTERS // 2:
        raise PasswordRefused("the password repeats a few characters only; take another")
    write_private(path, PasswordHash.recommended().hash(password) + "\n")


def stored_hash(path: Path) -> str:
    """What the file holds. Raises :class:`PrivateFileError`."""
    found = read_private(path).strip()
    if not found.startswith("$argon2"):
        raise PrivateFileError(f"{path}: holds no password hash; make it with `menjin edge muster-password`")
    return found


def fits(password: str, stored: str) -> bool:
    """Whether this is the password. Takes about a tenth of a second and 64 MB: one at a time."""
    try:
        return len(password) <= MAX_CHARACTERS and PasswordHash.recommended().verify(password, stored)
    except PwdlibError:
        return False
