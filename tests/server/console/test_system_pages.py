"""The pages of edges, server, audit log, duties, keys and second channel: what they say, to whom, and that their forms fit the API."""

import re
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from server.db.clock import FixedClock, to_us
from server.fleet.models import Edge, EdgeCommand, RefusedMessage
from server.ledger.models import LedgerLost
from server.operators.permissions import ROLES, Role
from tests.server.browser import administrator, context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.console.conftest import EdgeRow
from tests.server.console.test_record_pages import shown, words

pytestmark = ON_SQLITE
PATHS = ("/system", "/system/audit", "/system/duties", "/system/keys", "/system/escalations")


def section(text: str, name: str) -> str:
    """What stands under a heading."""
    found = re.search(rf'<section[^>]*aria-labelledby="{name}".*?</section>', text, re.S)
    assert found is not None, f"no section {name}"
    return words(found[0])


def card(text: str, name: str = "edge-1") -> str:
    return section(text, f"edge-{name}")


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_page_speaks_both_languages_and_breaks_no_policy(app: FastAPI, path: str) -> None:
    client = token_client(app)
    english, chinese = shown(client, path), shown(client, path, "zh")
    assert not re.search(r"<(script|style)>| style=| onclick=", english)
    visible = re.sub(r"<(svg|code|pre).*?</\1>", "", chinese.split("<main", 1)[1].split("</main>", 1)[0], flags=re.S)
    visible = re.sub(r"menjin [a-z]+( [a-z]+)?", "", visible)
    assert not re.findall(r">[^<]*\b[a-z]{3,} [a-z]{3,} [a-z]{3,}[^<]*<", visible), "an untranslated sentence"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_the_tabs_that_its_rail_shows_and_no_other(app: FastAPI, role: Role) -> None:
    client = token_client(app, role)
    rail = re.findall(
        r'href="(/system[^"]*)"', shown(client, "/system") if client.get("/system").status_code == 200 else ""
    )
    for path in PATHS:
        assert (client.get(path, headers={"Accept": "text/html"}).status_code == 200) == (
            path in rail or (path == "/system" and bool(rail))
        )


def test_every_guarantee_that_does_not_hold_says_what_to_do(app: FastAPI, edge: EdgeRow) -> None:
    client = token_client(app)
    edge.report(wall_trusted=False, outbox=7, warnings=("the clock is odd",))
    text = card(shown(client, "/system"))
    assert "Its clock is not vouched for" in text
    assert "Give the edge a time source" in text
    assert "in its outbox 7" in text
    page = shown(client, "/system/edges/edge-1")
    assert "the clock is odd" in section(page, "holds")
    bad = re.findall(r'<li data-code="(\w+)" data-value="bad">(.*?)</li>', page, re.S)
    assert {"time_trusted", "records", "quiet"} <= {code for code, _ in bad}
    assert all('class="todo"' in said for _, said in bad)


def test_a_silent_edge_is_shown_as_old_and_not_as_it_is(app: FastAPI, edge: EdgeRow, clock: FixedClock) -> None:
    client = token_client(app)
    assert 'data-linked="true"' in shown(client, "/system")
    clock.advance(timedelta(minutes=5))
    text = shown(client, "/system")
    assert 'data-linked="false"' in text
    assert "as the edge said it last" in card(text)
    assert "Nobody knows what it is now" in section(shown(client, "/system/edges/edge-1"), "holds")


def test_how_a_door_relocks_and_what_is_unsupervised_is_shown(app: FastAPI, edge: EdgeRow) -> None:
    client = token_client(app)
    facts = {"mode": "controlled", "position": "closed", "lock": "locked", "alarm": "", "fail": "secure"}
    edge.report(
        doors={"hall-door": facts | {"relock_by": "edge"}, "lobby-door": facts | {"relock_by": "board"}},
        warnings=(
            "door hall-door: may stay unlocked if this edge dies mid-pulse, by decision",
            "inputs not supervised: doors 'hall-door' rex, fire zone 'z1'",
        ),
    )
    page = shown(client, "/system/edges/edge-1")
    doors = section(page, "doors")
    assert "stays locked (fail-secure)" in doors
    assert "the relay board itself" in doors
    assert doors.count("after a crash go and look") == 1
    assert "Exit button hall-door" in doors
    assert "Fire input of zone z1" in doors
    assert "It complains" not in words(page), "what is shown with the doors is not a complaint besides"
    assert "2 inputs without supervision" in card(shown(client, "/system"))


def test_commands_refusals_and_lost_records_are_said_in_words(app: FastAPI, edge: EdgeRow) -> None:
    context, client = context_of_app(app), token_client(app)
    edge.happen_at_once()
    now_us = to_us(context.clock.now())
    with context.database.write() as session:
        session.add(
            EdgeCommand(
                public_id="cmd_1",
                edge_id=edge.id,
                name="UnlockDoor",
                operator="system",
                state="refused",
                asked_us=now_us,
                expires_us=now_us,
                answered_us=now_us + 40_000,
                command='{"name":"UnlockDoor","door":"hall-door","reason":"delivery"}',
                because='{"reason":"LOCKDOWN","rule":"R1","inputs":{"area":"hall"}}',
            )
        )
        session.add(
            RefusedMessage(edge="edge-1", leaf="status", reason="bad_signature", count=3, last_us=now_us, last_text="x")
        )
        session.add(LedgerLost(journal_key=1, from_seq=4, to_seq=9, declared_us=now_us))
    page = shown(client, "/system/edges/edge-1")
    assert "refused by the edge 40 ms" in section(page, "commands")
    assert "delivery" in section(page, "commands")
    records = section(page, "records")
    assert "records 4 to 9" in records
    assert "signature does not hold" in records
    assert "No fork" in records


def test_acts_on_an_edge_are_there_for_whom_the_server_obeys(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen_at_once()
    edge.report(doors={"hall-door": {"position": "closed"}})
    wanted = {
        "administrator": {"revoke", "new-edge", "ledger-export"},
        "auditor": {"ledger-export"},
        "guard": {"identify"},
    }
    for role, acts in wanted.items():
        page = shown(token_client(app, role), "/system/edges/edge-1")  # type: ignore[arg-type]
        found = set(re.findall(r'data-act="([\w-]+)"', page.split("<main", 1)[1].split("</main>", 1)[0]))
        assert acts <= found, role
        assert ("revoke" in found) == (role == "administrator")
    client = token_client(app)
    answer = client.post("/api/v1/edges/edge-1/revoke", json={"reason": "stolen from the van"})
    assert answer.status_code == 200, answer.text
    audit = shown(client, "/system/audit?act=edge.revoke")
    assert "stolen from the van" in words(audit)
    assert "Key revoked" in card(shown(client, "/system"))


def test_the_server_says_how_it_does(app: FastAPI) -> None:
    client = token_client(app)
    state = client.get("/api/v1/server").json()
    assert state["database"]["kind"] == "sqlite"
    assert state["database"]["size_bytes"] > 0
    assert state["site"]["file"] == "same"
    assert state["keys"]["root_here"] is True
    assert [key["state"] for key in state["keys"]["keys"]] == ["signs"]
    text = section(shown(client, "/system"), "server")
    assert "This process does not talk to the edges" in text
    assert "take root.key away" in text
    assert token_client(app, "guard").get("/api/v1/server").status_code == 200


def test_a_site_file_that_was_changed_or_broken_since_the_start_is_told(app: FastAPI) -> None:
    client, path = token_client(app), context_of_app(app).config.site_file
    path.write_text(path.read_text("utf-8").replace('id = "lobby"', 'id = "lobby"\nname_en = "Lobby"', 1), "utf-8")
    assert client.get("/api/v1/server").json()["site"]["file"] == "changed"
    path.write_text("areas = 3", "utf-8")
    site = client.get("/api/v1/server").json()["site"]
    assert site["file"] == "unreadable"
    assert site["fault"]


def test_the_audit_log_is_filtered_and_paged_newest_first(app: FastAPI) -> None:
    client = token_client(app)
    for number in range(60):
        assert client.post("/api/v1/mechanical-keys", json=key(f"No-{number:02}")).status_code == 201
    client.patch("/api/v1/mechanical-keys/No-07", json={"kept_at": "cabinet 9"})
    first = shown(client, "/system/audit?act=key")
    assert words(first).index("cabinet 9") < words(first).index("No-59") < words(first).index("No-12")
    assert "No-01" not in words(first)
    (following,) = set(re.findall(r'href="(/system/audit\?before=\d+[^"]*)"', first))
    second = words(shown(client, following.replace("&amp;", "&")))
    assert "No-01" in second
    assert "No-59" not in second
    (found,) = re.findall(r'<li data-act="key.change">.*?</li>', first, re.S)
    assert "<del>cabinet 1</del> → <ins>cabinet 9</ins>" in found
    assert "Mechanical key: changed" in words(found)
    api = client.get("/api/v1/audit", params={"act": "key.change"}).json()["items"]
    assert [one["act"] for one in api] == ["key.change"]
    subject = api[0]["subject"]
    assert len(client.get("/api/v1/audit", params={"subject": subject, "newest_first": True}).json()["items"]) == 2
    assert client.get("/api/v1/audit", params={"until": "2020-01-01"}).json()["items"] == []
    assert client.get("/api/v1/audit", params={"from": "2026-03-02", "until": "2026-03-02", "act": "key"}).json()[
        "items"
    ]
    assert client.get("/api/v1/audit", params={"actor": "test-administrator"}).json()["items"]
    assert "Write a date" in words(shown(client, "/system/audit?from=yesterday"))
    assert client.get("/api/v1/audit", params={"act": "key'%"}).status_code == 422


def test_an_export_of_the_audit_log_is_recorded_itself(app: FastAPI) -> None:
    client = token_client(app)
    assert client.post("/api/v1/mechanical-keys", json=key("=K1".removeprefix("="))).status_code == 201
    book = client.get("/api/v1/audit/export", params={"act": "key"})
    assert book.content[:2] == b"PK"
    table = client.get("/api/v1/audit/export", params={"format": "csv", "act": "key"}).content.decode("utf-8-sig")
    assert "机械钥匙：新登记" in table
    assert "Mechanical key: new" in table
    exports = client.get("/api/v1/audit", params={"act": "audit.export"}).json()["items"]
    assert [one["after"] for one in exports] == [{"entries": 1, "act": "key"}] * 2
    assert token_client(app, "guard").get("/api/v1/audit/export").status_code == 403


def test_a_test_is_recorded_countersigned_by_another_and_its_item_retired(app: FastAPI, clock: FixedClock) -> None:
    guard, supervisor = token_client(app, "guard"), token_client(app, "supervisor")
    item = next(
        one["id"]
        for one in guard.get("/api/v1/duty-items").json()["items"]
        if (one["subject"], one["kind"]) == ("hall-door", "rex")
    )
    late = shown(guard, "/system/duties")
    assert f'data-item="{item}"' in late
    assert "Press the button at the door" in section(late, "late")
    assert 'data-act="new-item"' not in late
    test = guard.post(f"/api/v1/duty-items/{item}/tests", json={"result": "pass", "note": "hall"}).json()["id"]
    own = shown(guard, "/system/duties")
    assert f'data-item="{item}"' not in own
    assert "another person countersigns" in section(own, "unsigned")
    theirs = shown(supervisor, "/system/duties")
    assert f'data-api="/api/v1/duty-tests/{test}/countersign"' in theirs
    assert supervisor.post(f"/api/v1/duty-tests/{test}/countersign").status_code == 200
    history = section(shown(guard, f"/system/duties/{item}"), "history")
    assert history.count("signature holds") == 2
    clock.advance(timedelta(days=32))
    assert "interval is over" in section(shown(guard, f"/system/duties/{item}"), "state")
    retired = supervisor.patch(f"/api/v1/duty-items/{item}", json={"retired": True, "note": "walled up"})
    assert retired.status_code == 200
    assert "walled up" in words(shown(supervisor, "/system/duties"))
    assert 'data-act="again"' in shown(supervisor, f"/system/duties/{item}")


def key(number: str) -> dict[str, Any]:
    return {"number": number, "opens": ["hall-door", "lobby"], "kept_at": "cabinet 1"}


def test_a_key_is_taken_returned_and_lost_by_name(app: FastAPI) -> None:
    client = token_client(app)
    client.post("/api/v1/mechanical-keys", json=key("K-1"))
    holder = client.post("/api/v1/holders", json={"name": "郭强", "staff": True, "external_id": "guo"}).json()["id"]
    page = shown(client, "/system/keys")
    assert f'<option value="{holder}">郭*' in page
    assert "K-1" in section(page, "keys-in_cabinet")
    assert (
        client.post("/api/v1/mechanical-keys/K-1/take", json={"holder": holder, "reason": "lock jammed"}).status_code
        == 200
    )
    assert "郭*" in section(shown(client, "/system/keys"), "keys-out")
    assert client.post("/api/v1/mechanical-keys/K-1/lost", json={"reason": "left in a taxi"}).status_code == 200
    assert "郭*" in section(shown(client, "/system/keys"), "keys-lost")
    moves = section(shown(client, "/system/keys/K-1"), "moves")
    assert moves.index("left in a taxi") < moves.index("lock jammed") < moves.index("entered in the list")
    assert 'data-act="take"' not in shown(token_client(app, "auditor"), "/system/keys/K-1")


def test_what_is_not_there_is_said_on_a_page(app: FastAPI) -> None:
    client = token_client(app)
    for path in ("/system/edges/none", "/system/duties/none", "/system/keys/none"):
        assert "none" in words(shown(client, path, expect=404))


def test_an_edge_that_waits_for_its_enrolment_says_so(app: FastAPI) -> None:
    client = token_client(app)
    told = client.post("/api/v1/edges", json={"name": "edge-7", "role": "desk"}).json()
    text = shown(client, "/system")
    assert "Waits for its enrolment" in card(text, "edge-7")
    assert told["token"] not in text
    assert "A desk has no doors" in words(shown(client, "/system/edges/edge-7"))
    with context_of_app(app).database.read() as session:
        assert session.get(Edge, 1) is not None


def test_a_handover_leads_to_where_things_are_dealt_with_and_changes_the_person_at_the_desk(app: FastAPI) -> None:
    guard = token_client(app, "guard")
    page = shown(guard, "/handover")
    assert re.search(r'href="/system/duties/dut_\w+"', page)
    assert 'class="all-of" href="/system/duties"' in page
    assert re.findall(r'aria-current="step">([^<]+)', page) == ["1. Begin the handover"]
    assert guard.post("/api/v1/handovers", json={"post": "lobby"}).status_code == 201
    page = shown(guard, "/handover?post=lobby")
    assert re.findall(r'aria-current="step">([^<]+)', page) == ["2. Explain what is open"]
    items = [int(number) for number in re.findall(r'name="item.(\d+)"', page)]
    one = re.findall(r"/api/v1/handovers/(hov_\w+)/explanations", page)[0]
    said = {"explanations": [{"items": items, "text": "never tested since the start"}]}
    assert guard.post(f"/api/v1/handovers/{one}/explanations", json=said).status_code in (200, 201)
    assert guard.post(f"/api/v1/handovers/{one}/sign").status_code == 200
    page = shown(guard, "/handover?post=lobby")
    assert re.findall(r'aria-current="step">([^<]+)', page)[0].startswith("4.")
    assert 'data-act="change-person"' in page
    assert '<input type="hidden" name="to" value="/handover' in page


def test_signing_out_for_the_next_person_leads_back_to_the_page(app: FastAPI) -> None:
    client = administrator(app)
    answer = client.post("/sign-out", data={"to": "/handover?post=lobby"}, follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?to=%2Fhandover%3Fpost%3Dlobby"
    client = token_client(app)
    answer = client.post("/sign-out", data={"to": "//elsewhere.example"}, follow_redirects=False)
    assert "elsewhere" not in answer.headers["location"]
