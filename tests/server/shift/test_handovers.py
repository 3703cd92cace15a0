"""Shift handover: nothing slips through between who hands over and who takes over (R5)."""

import io
import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from server.db.clock import FixedClock
from server.keys import load_keys, rotate_keys, verifier
from server.operators.actor import Actor
from server.problems import Problem
from server.shift import handovers
from server.shift.debt import MOST, Debt
from server.shift.debts import KINDS, Source, live_debts
from server.shift.handover_lifecycle import LIFE, Act
from server.shift.handover_rows import find_handover, items_of
from server.shift.models import HANDOVER_STATUSES
from tests.server.conftest import ON_SQLITE
from tests.server.shift.conftest import Shift, asked


def owes(shift: Shift, monkeypatch: pytest.MonkeyPatch, *debts: Debt) -> list[Debt]:
    """Let these be everything that is owed; the list may be changed afterwards."""
    owed = list(debts)
    for where in ("server.shift.handovers", "server.shift.handover_showing", "server.shift.handover_endpoints"):
        monkeypatch.setattr(f"{where}.live_debts", lambda _session, _context: list(owed))
    return owed


def debt(subject: str, kind: str = "key_out", since_us: int = 1_772_000_000_000_000) -> Debt:
    return Debt(
        kind, subject, since_us, f"钥匙 {subject} 已领出", f"Key {subject} is out", f"/api/v1/mechanical-keys/{subject}"
    )


def opened(client: TestClient, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = asked(client, "handovers", 201, **more)
    return made


def explained(client: TestClient, handover: dict[str, Any], words: str = "with the electrician") -> dict[str, Any]:
    wanted = [item["item"] for item in handover["items"] if item["explanation"] is None]
    shown: dict[str, Any] = asked(
        client, f"handovers/{handover['id']}/explanations", explanations=[{"items": wanted, "text": words}]
    )
    return shown


def test_a_handover_is_explained_signed_taken_over_and_never_changed(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = owes(shift, monkeypatch, debt("K1"), debt("K2"))
    out, in_ = shift.person("out"), shift.person("in")
    made = opened(out, note="quiet night")
    assert [(item["subject"], item["resolved"], item["explanation"]) for item in made["items"]] == [
        ("K1", False, None),
        ("K2", False, None),
    ]
    path = f"handovers/{made['id']}"
    refused = asked(out, f"{path}/sign", (409, "HANDOVER_UNEXPLAINED"))
    assert [item["subject"] for item in refused["items"]] == ["K1", "K2"]
    del owed[1]  # K2 came back meanwhile: it needs no explanation
    asked(
        out, f"{path}/explanations", explanations=[{"items": [made["items"][0]["item"]], "text": "with the electrician"}]
    )  # fmt: skip
    asked(in_, f"{path}/sign", (409, "FOUR_EYES"))
    offered = asked(out, f"{path}/sign")
    assert (offered["status"], offered["unexplained"]) == ("offered", 0)
    asked(out, f"{path}/accept", (409, "FOUR_EYES"))
    asked(out, f"{path}/explanations", (409, "status_conflict"), explanations=[{"items": [1], "text": "late"}])
    taken = asked(in_, f"{path}/accept")
    assert (taken["status"], taken["outgoing"], taken["incoming"]) == ("accepted", "test-guard", "test-guard")
    assert [item["resolved"] for item in taken["items"]] == [False, True]
    assert [(one["role"], one["holds"]) for one in taken["signatures"]] == [("outgoing", True), ("incoming", True)]
    keys = {key.kid: key.public_key for key in shift.context.keys.keys}
    for one in taken["signatures"]:
        signed = b"menjin/v1/Handover\n" + one["content"].encode()
        assert verifier(keys)(one["kid"], signed, bytes.fromhex(one["signature"]))
    for act in ("draw", "sign", "accept"):
        asked(in_, f"{path}/{act}", (409, "status_conflict"))
    for table in ("handover_item", "handover_explanation", "handover_signature"):
        for statement in (f"UPDATE {table} SET id = id + 1", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="never changed"), shift.context.database.write() as session:
                session.connection().execute(text(statement))


@ON_SQLITE
def test_what_came_up_since_refuses_both_signatures_until_it_is_on_the_list(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = owes(shift, monkeypatch, debt("K1"))
    out, in_ = shift.person("out"), shift.person("in")
    made = explained(out, opened(out))
    path = f"handovers/{made['id']}"
    owed.append(debt("K2"))
    refused = asked(out, f"{path}/sign", (409, "HANDOVER_NEW_ITEMS"))
    assert [(item["subject"], item["text_zh"]) for item in refused["items"]] == [("K2", "钥匙 K2 已领出")]
    drawn = asked(out, f"{path}/draw")
    assert [(item["subject"], bool(item["explanation"])) for item in drawn["items"]] == [("K1", True), ("K2", False)]
    explained(out, drawn)
    asked(out, f"{path}/sign")
    owed[0] = debt("K1", since_us=1_772_000_100_000_000)  # the same key, taken again: another debt
    assert [new["subject"] for new in shift.get(path)["new"]] == ["K1"]
    asked(in_, f"{path}/accept", (409, "HANDOVER_NEW_ITEMS"))
    drawn = asked(in_, f"{path}/draw")
    assert (drawn["status"], drawn["round"], drawn["unexplained"]) == ("open", 3, 1)
    asked(out, f"{path}/sign", (409, "HANDOVER_UNEXPLAINED"))
    explained(in_, drawn)
    asked(out, f"{path}/sign")
    taken = asked(in_, f"{path}/accept")
    assert [(one["round"], one["role"], one["holds"]) for one in taken["signatures"]] == [
        (2, "outgoing", True),
        (3, "outgoing", True),
        (3, "incoming", True),
    ]


@ON_SQLITE
def test_what_was_settled_and_stands_again_without_a_word_is_not_taken_over(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = owes(shift, monkeypatch, debt("K1"))
    out, in_ = shift.person("out"), shift.person("in")
    path = f"handovers/{opened(out)['id']}"
    owed.clear()
    asked(out, f"{path}/sign")
    owed.append(debt("K1"))
    asked(in_, f"{path}/accept", (409, "HANDOVER_UNEXPLAINED"))


@ON_SQLITE
def test_what_appears_again_carries_what_was_said_before_and_wants_a_word_of_its_own(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owes(shift, monkeypatch, debt("K1"))
    out, in_ = shift.person("out"), shift.person("in")
    made = explained(out, opened(out), "with the electrician")
    asked(out, f"handovers/{made['id']}/sign")
    asked(in_, f"handovers/{made['id']}/accept")
    second = opened(in_)
    (item,) = second["items"]
    assert (item["explanation"], item["earlier"]["text"], item["earlier"]["by_name"]) == (
        None, "with the electrician", "test-guard",
    )  # fmt: skip
    asked(in_, f"handovers/{second['id']}/sign", (409, "HANDOVER_UNEXPLAINED"))
    assert explained(in_, second, "still there")["items"][0]["earlier"]["text"] == "with the electrician"
    assert shift.get(f"handovers/{made['id']}")["items"][0]["earlier"] is None


@ON_SQLITE
def test_who_takes_over_may_refuse_with_a_signed_reason(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    owes(shift, monkeypatch, debt("K1"))
    out, in_ = shift.person("out"), shift.person("in")
    made = explained(out, opened(out))
    path = f"handovers/{made['id']}"
    asked(in_, f"{path}/refuse", (409, "status_conflict"), reason="too early")
    asked(out, f"{path}/sign")
    asked(out, f"{path}/refuse", (409, "FOUR_EYES"), reason="mine")
    asked(in_, f"{path}/refuse", 422)
    refused = asked(in_, f"{path}/refuse", reason="the key is not where it says")
    assert (refused["status"], refused["end_reason"]) == ("refused", "the key is not where it says")
    last = refused["signatures"][-1]
    assert (last["verdict"], last["note"], last["holds"]) == ("refused", "the key is not where it says", True)
    assert opened(out)["items"][0]["earlier"]["text"] == "with the electrician"


def test_of_one_post_one_handover_is_not_over(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    owes(shift, monkeypatch)
    made = opened(shift.person("out"))
    refused = asked(shift.person("in"), "handovers", (409, "handover_open"))
    assert refused["handover"] == made["id"]
    assert opened(shift.person("in"), post="gate-2")["post"] == "gate-2"
    asked(shift.person("in"), f"handovers/{made['id']}/withdraw", 422)
    asked(shift.person("in"), f"handovers/{made['id']}/withdraw", reason="called away")
    assert opened(shift.person("in"))["status"] == "open"
    listed = shift.get("handovers", role="auditor", post="main")
    assert [(one["status"], one["end_reason"]) for one in listed["items"]] == [
        ("withdrawn", "called away"),
        ("open", ""),
    ]
    newest = shift.get("handovers", newest_first=True, limit=1)
    assert [one["status"] for one in newest["items"]] == ["open"]
    assert shift.get("handovers", newest_first=True, after=newest["next"])["items"][-1]["id"] == made["id"]
    assert [one["post"] for one in shift.get("handovers", status="open", **{"from": "2026-03-02"})["items"]] == [
        "gate-2",
        "main",
    ]


@ON_SQLITE
def test_only_who_may_signs_and_items_of_the_list_alone_are_explained(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owes(shift, monkeypatch, debt("K1"))
    out = shift.person("out")
    made = opened(out)
    path = f"handovers/{made['id']}"
    for role in ("auditor", "customer_service", "it_head"):
        shift.post("handovers", role, 403, post="gate-3")
        shift.post(f"{path}/accept", role, 403)
    asked(out, f"{path}/explanations", 422, explanations=[{"items": [99], "text": "?"}])
    asked(out, f"{path}/explanations", 422, explanations=[{"items": [made["items"][0]["item"]], "text": "  "}])
    stale = out.post(f"/api/v1/{path}/draw", headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert out.get("/api/v1/handovers/hov_no").status_code == 404


def test_of_two_who_sign_at_once_one_does(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    owes(shift, monkeypatch)
    out, one, other = shift.person("out"), shift.person("one"), shift.person("other")
    path = f"/api/v1/handovers/{opened(out)['id']}"
    assert sorted(at_once([out, out], f"{path}/sign")) == [(200, None), (409, "status_conflict")]
    assert sorted(at_once([one, other], f"{path}/accept")) == [(200, None), (409, "status_conflict")]
    shown = shift.get(path.removeprefix("/api/v1/"))
    assert [(sign["role"], sign["holds"]) for sign in shown["signatures"]] == [("outgoing", True), ("incoming", True)]


def at_once(clients: list[TestClient], path: str) -> list[tuple[int, str | None]]:
    together = threading.Barrier(len(clients))
    answers: list[tuple[int, str | None]] = []

    def ask(client: TestClient) -> None:
        together.wait(60)
        answer = client.post(path)
        answers.append((answer.status_code, answer.json().get("code")))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


@ON_SQLITE
def test_the_signatures_outlive_their_key_and_show_what_was_exchanged(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    owes(shift, monkeypatch, debt("K1"))
    out = shift.person("out")
    made = explained(out, opened(out))
    asked(out, f"handovers/{made['id']}/sign")
    folder = shift.context.config.dir
    now_us = 1_772_500_000_000_000 + 800 * 86_400_000_000
    rotate_keys(folder, now_us)
    shift.context.keys = load_keys(folder)
    assert [one["holds"] for one in shift.get(f"handovers/{made['id']}")["signatures"]] == [True]
    with shift.context.database.write() as session:
        for statement in (
            "DROP TRIGGER handover_explanation_no_update",
            "UPDATE handover_explanation SET text = 'never said'",
        ):
            session.connection().execute(text(statement))
    assert [one["holds"] for one in shift.get(f"handovers/{made['id']}")["signatures"]] == [False]


@ON_SQLITE
def test_a_handover_is_printed_in_both_languages(
    shift: Shift, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    owes(shift, monkeypatch, debt("K1"), debt("V1", "violation"))
    out, in_ = shift.person("out"), shift.person("in")
    made = explained(out, opened(out, note="#set page(fill: red)"), "与电工一起 $x$ \\ with the electrician")
    asked(out, f"handovers/{made['id']}/sign")
    asked(in_, f"handovers/{made['id']}/accept")
    answer = out.get(f"/api/v1/handovers/{made['id']}/sheet.pdf")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    printed = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    printed = printed.replace("\u200b", "").replace("\n", "")
    for words in (
        "交接班记录",
        "Shift handover",
        "机械钥匙",
        "Mechanical keys out",
        "Violations",
        "与电工一起",
        "#setpage",
    ):
        assert words.replace(" ", "") in printed.replace(" ", ""), words
    assert "签名有效" in printed
    assert [entry["subject"] for entry in shift.get("audit", role="auditor", subject=made["id"])["items"]][-1:] == [
        made["id"]
    ]


@ON_SQLITE
def test_of_each_kind_the_oldest_are_listed_and_the_rest_counted(shift: Shift) -> None:
    many = [debt(f"K{place}") for place in range(MOST + 3)]
    sources: tuple[Source, ...] = (
        lambda _session, _context, _now: many,
        lambda _session, _context, _now: [debt("v", "visit")],
    )
    with shift.context.database.read() as session:
        found = live_debts(session, shift.context, sources)
    assert (found[0].kind, len(found), found[-1].text_en) == ("visit", MOST + 2, "3 more")
    assert found[-1].key != Debt("key_out", "+4", 0, "", "").key


@ON_SQLITE
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.one_of(
            st.sampled_from([*Act]),
            st.tuples(st.sampled_from(["comes", "goes"]), st.sampled_from(["K1", "K2", "K3"])),
        ),
        max_size=25,
    )
)
def test_no_sequence_of_acts_hands_over_what_is_not_explained(
    shift: Shift, monkeypatch: pytest.MonkeyPatch, steps: list[Act | tuple[str, str]]
) -> None:
    """A model beside the service: what was signed last is exactly what stood, explained; a refused act changes nothing."""
    owed = owes(shift, monkeypatch, debt("K1"))
    context = shift.context
    out, in_ = (Actor("token", f"tok_{name}", name, "guard") for name in ("out", "in"))
    with context.database.write() as session:
        post = f"post-{session.connection().execute(text('SELECT count(*) FROM handover')).scalar()}"
        name = handovers.open_handover(session, context, out, post, "").public_id
    status, listed, said = "open", {"K1"}, set[str]()
    for step in steps:
        standing = {one.subject for one in owed}
        if isinstance(step, tuple):
            owed[:] = [one for one in owed if one.subject != step[1]] + ([debt(step[1])] if step[0] == "comes" else [])
            continue
        possible = step in LIFE[status]
        if step in (Act.SIGN, Act.ACCEPT):
            possible = possible and standing <= listed and standing <= said
        try:
            with context.database.write() as session:
                handover = find_handover(session, name, lock=True)
                match step:
                    case Act.EXPLAIN:
                        items = items_of(session, handover)
                        handovers.explain(
                            session, out, context.clock.now(), handover, [(item.id or 0, "why") for item, _ in items]
                        )
                    case Act.DRAW:
                        handovers.draw_again(session, context, out, handover)
                    case Act.SIGN:
                        handovers.sign(session, context, out, handover)
                    case Act.ACCEPT:
                        handovers.accept(session, context, in_, handover)
                    case Act.REFUSE:
                        handovers.refuse(session, context, in_, handover, "no")
                    case Act.WITHDRAW:
                        handovers.withdraw(session, in_, context.clock.now(), handover, "no")
        except Problem as refused:
            assert not possible, refused.detail
            continue
        assert possible
        status = LIFE[status][step]
        if step is Act.EXPLAIN:
            said |= listed
        elif step is Act.DRAW:
            listed, said = standing, said & standing
    with context.database.read() as session:
        handover = find_handover(session, name)
        assert (handover.status, {item.subject for item, _ in items_of(session, handover)}) == (status, listed)


def test_every_status_has_its_row_and_every_kind_its_words() -> None:
    assert set(LIFE) == set(HANDOVER_STATUSES)
    assert all(becomes in LIFE for row in LIFE.values() for becomes in row.values())
    assert all(one.zh and one.en and one.rule for one in KINDS.values())
