"""Who asks: an operator with a session, or a program with a token."""

from dataclasses import dataclass
from typing import Literal

from server.operators.permissions import Permission, Role, allows


@dataclass(frozen=True)
class Actor:
    """The authenticated sender of a request. ``public_id`` is the operator's or token's, ``session`` the session's.
    ``scopes``: what of its role's permissions a token may use; None: all. ``department``: an operator's; its customer files are
    seen without ``registry.read_all`` (C4)."""

    kind: Literal["operator", "token", "system"]
    public_id: str
    name: str
    role: Role
    address: str = ""
    session: str | None = None
    must_change: bool = False
    scopes: frozenset[str] | None = None
    department: str | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this actor holds ``permission``; nobody does before a due change of password, the own account apart."""
        if self.must_change and permission is not Permission.OWN_ACCOUNT:
            return False
        if self.scopes is not None and permission is not Permission.OWN_ACCOUNT and permission.value not in self.scopes:
            return False
        return allows(self.role, permission)


SYSTEM = Actor(kind="system", public_id="system", name="system", role="administrator")
"""The server itself, in the audit log: first start, periodic work."""
