"""``roster.key`` in the server's ``dir`` (TOML, mode 600): the key that the passphrase gave, never the passphrase.

The server seals with it and whoever has it can open rosters; it says nothing about the passphrase but what guessing finds out.
"""

from pathlib import Path

import msgspec

from server.key_files import KeysError, key_of_hex, read_key_file, replace_key_file
from server.roster.sealed_file import SALT_BYTES, Cost, RosterError, RosterKey, new_key

ROSTER_FILE = "roster.key"


class _RosterFile(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    salt: str
    memory_kib: int
    iterations: int
    lanes: int


def set_passphrase(folder: Path, passphrase: str, cost: Cost | None = None) -> None:
    """Rosters made from now on open with this one, older ones with the one before. Raises :class:`RosterError`, :class:`KeysError`."""
    made = new_key(passphrase, cost or Cost())
    text = (
        f'key = "{made.key.hex()}"\nsalt = "{made.salt.hex()}"\n'
        f"memory_kib = {made.cost.memory_kib}\niterations = {made.cost.iterations}\nlanes = {made.cost.lanes}\n"
    )
    replace_key_file(folder / ROSTER_FILE, text)


def load_roster_key(folder: Path) -> RosterKey | None:
    """The key; None when no passphrase was set. Raises :class:`KeysError`."""
    path = folder / ROSTER_FILE
    if not path.exists():
        return None
    content = read_key_file(path, _RosterFile)
    cost = Cost(content.memory_kib, content.iterations, content.lanes)
    try:
        cost.refuse_absurd()
        salt = bytes.fromhex(content.salt)
    except (RosterError, ValueError) as error:
        raise KeysError(f"{path}: damaged; set the passphrase again with `menjin keys roster-passphrase`") from error
    if len(salt) != SALT_BYTES:
        raise KeysError(f"{path}: damaged; set the passphrase again with `menjin keys roster-passphrase`")
    return RosterKey(key_of_hex(content.key, path, "key"), salt, cost)
