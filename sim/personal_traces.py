"""Looks for people's data where none may be: edge, logs and, in clear, the server's own files (D6)."""

from collections.abc import Iterator
from pathlib import Path

from sim.scenario_given import Given

LOOKED_INTO = ("edge", "desk", "logs", "server")
"""Folders of a stack: the edges' journals and policies, every process's log, and the server's database and keys."""
SHORTEST = 2
"""Characters that a text needs to be looked for."""


def personal_texts(given: Given) -> set[str]:
    """Names, telephone and ID numbers of the people given. An individual customer's name is business data, in clear by design."""
    in_clear = {customer.name for customer in given.customers}
    texts = {text for holder in given.holders for text in (holder.name, holder.phone, holder.id_number)}
    texts |= {text for contact in given.contacts for text in (contact.name, contact.phone, contact.email)}
    texts |= {customer.id_number for customer in given.customers}
    return {text for text in texts if text is not None and len(text) >= SHORTEST and text not in in_clear}


def traces(directory: Path, texts: set[str]) -> list[str]:
    """ "file: text" for each of ``texts`` that stands in a file of a stack's ``directory``, as UTF-8, UTF-16 or escaped as JSON does."""
    forms = {text: _forms(text) for text in texts}
    found = []
    for path in _files(directory):
        content = path.read_bytes()
        where = path.relative_to(directory)
        found += [f"{where}: {text}" for text, written in forms.items() if any(form in content for form in written)]
    return sorted(found)


def _forms(text: str) -> set[bytes]:
    return {text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("ascii", "backslashreplace")}


def _files(directory: Path) -> Iterator[Path]:
    for folder in LOOKED_INTO:
        yield from (path for path in sorted((directory / folder).rglob("*")) if path.is_file())
