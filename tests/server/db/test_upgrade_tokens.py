"""Accounts of 0009, before tokens knew their maker: the audit log says who it is, and who is gone leaves none behind (D1); what was typed as the name of
no account is forgotten (D2)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from server.db.engine import Database
from server.operators.models import ApiToken, AuditEntry, Operator, OperatorSession, SignInFailure
from tests.server.conftest import START
from tests.server.db.upgrading import upgraded_from

BEFORE = "0009"
MAKERS = {
    "here": "opr_admin",
    "closed": "opr_closed",
    "moved": "opr_moved",
    "line": "system",
    "child": "tok_here",
    "grandchild": "tok_child",
}
"""Token → who the audit log says made it."""  # fmt: skip


def rows_before() -> dict[str, list[dict[str, Any]]]:
    """Three operators of whom one is closed and one is a guard by now, who made a token each; one of the command line; one by a token's token."""
    operator = {"password_hash": "-", "password_changed_at": START, "must_change": False, "created_at": START}
    people = [
        ("opr_admin", "administrator", False),
        ("opr_closed", "administrator", True),
        ("opr_moved", "guard", False),
    ]
    signed_in = {"public_id": "ses_1", "token_hash": "h", "operator_id": 1, "created_at": START, "expires_at": START}
    entry = {"at": START, "actor_name": "-", "act": "token.create", "address": ""}
    return {
        "operator": [
            {
                **operator,
                "id": number,
                "public_id": name,
                "username": name,
                "name": name,
                "role": role,
                "disabled": gone,
            }
            for number, (name, role, gone) in enumerate(people, 1)
        ],
        "operator_session": [{**signed_in, "address": "", "user_agent": ""}],
        "api_token": [
            {"public_id": f"tok_{name}", "token_hash": name, "name": name, "role": "auditor", "created_at": START}
            for name in MAKERS
        ],
        "sign_in_failure": [{"username": name, "address": "", "at": START} for name in ("opr_admin", "my secret word")],
        "audit_entry": [{**entry, "actor": maker, "subject": f"tok_{name}"} for name, maker in MAKERS.items()],
    }


@pytest.fixture
def upgraded(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The database after the upgrade."""
    sqlite = database_kind == "sqlite"
    url = f"sqlite:///{tmp_path}/old.db" if sqlite else request.getfixturevalue("new_postgresql_url")()
    with upgraded_from(BEFORE, rows_before(), url) as database:
        yield database


def test_every_token_names_the_person_who_made_it_and_those_of_the_gone_are_over(upgraded: Database) -> None:
    with upgraded.read() as session:
        tokens = {row.name: row for row in session.exec(select(ApiToken))}
        ended = session.exec(select(AuditEntry.subject).where(col(AuditEntry.act) == "token.revoke")).all()
        assert len(session.exec(select(Operator)).all()) == 3
        assert len(session.exec(select(OperatorSession)).all()) == 1, "nobody is signed out by it"
        assert session.exec(select(SignInFailure.username)).all() == ["opr_admin"]
    assert {name: row.made_by for name, row in tokens.items()} == {
        "here": "opr_admin", "closed": "opr_closed", "moved": "opr_moved", "line": None, "child": "opr_admin",
        "grandchild": "opr_admin",
    }  # fmt: skip
    assert {name for name, row in tokens.items() if row.revoked_at is not None} == {"closed", "moved"}
    assert set(ended) == {"tok_closed", "tok_moved"}
