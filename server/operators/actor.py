"""Who asks: an operator with a session, or a program with a token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from server.operators.permissions import Permission, Role, allows


@dataclass(frozen=True)
class Actor:
    """The authenticated sender of a request. ``public_id`` is the operator's or token's, ``session`` the session's.
    ``scopes``: what of its role's permissions a token may use; None: all. ``department``: an operator's; its customer files are
    seen without ``registry.read_all`` (C4). ``must_enrol``: its role demands a second factor that it has not set up. ``password_due``: when its password
    ends. ``made_by``: who answers for a token. ``tokens``: all that this person made, ended ones too."""

    kind: Literal["operator", "token", "system"]
    public_id: str
    name: str
    role: Role
    address: str = ""
    session: str | None = None
    must_change: bool = False
    scopes: frozenset[str] | None = None
    department: str | None = None
    must_enrol: bool = False
    password_due: datetime | None = None
    made_by: str | None = None
    tokens: frozenset[str] = frozenset()

    @property
    def person(self) -> str:
        """Who it is behind the means: four eyes are two persons, never somebody and their own token (D1). A token that the command line made is a
        person of its own: whoever runs that holds the server anyway."""
        return self.made_by or self.public_id

    @property
    def identities(self) -> frozenset[str]:
        """Every public id under which this person acts: as rows and the audit log keep them."""
        return self.tokens | {self.person, self.public_id}

    def is_who(self, by: str | None) -> bool:
        """Whether ``by``, an actor's public id as a row keeps it, is this person: by the account or by any token of theirs."""
        return by in self.identities

    def may(self, permission: Permission) -> bool:
        """Whether this actor holds ``permission``; nobody does before a due change of password or the second factor that the role demands, the own
        account apart."""
        if (self.must_change or self.must_enrol) and permission is not Permission.OWN_ACCOUNT:
            return False
        if self.scopes is not None and permission is not Permission.OWN_ACCOUNT and permission.value not in self.scopes:
            return False
        return allows(self.role, permission)


SYSTEM = Actor(kind="system", public_id="system", name="system", role="administrator")
"""The server itself, in the audit log: first start, periodic work."""
