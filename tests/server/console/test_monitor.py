"""The monitor beside its stream: photos of who tapped, the last taps, the floor plan, what was missed, who may be admitted."""

import asyncio
import io
import threading
from datetime import timedelta

import pytest
from fastapi import FastAPI
from PIL import Image
from sqlmodel import select

from controller.event_base import Explanation
from controller.events import AccessDenied, AccessGranted, AccessPending, AlarmRaised
from server.console import live, view
from server.console.live import LiveHub
from server.console.portraits import DECODED_AT_ONCE, Portraits, _Found
from server.console.rendering import Audience, Renderer
from server.console.taps import Tap
from server.context import Context
from server.db.clock import FixedClock
from server.ledger import reading
from server.operators.actor import Actor
from server.operators.models import AuditEntry
from server.personal.fields import write_field
from server.personal.looks import DOOR_LOOK, LOOKS_PER_WINDOW
from server.registry.models import Holder
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.console.conftest import EdgeRow, denied, granted, photo_of

pytestmark = ON_SQLITE


@pytest.fixture
def context(app: FastAPI) -> Context:
    return context_of_app(app)


def last_seq(context: Context) -> int:
    with context.database.read() as session:
        return reading.last_event_seq(session)


def looks(context: Context) -> list[AuditEntry]:
    with context.database.read() as session:
        return list(session.exec(select(AuditEntry).where(AuditEntry.act == DOOR_LOOK)).all())


def pending(number: str = "M1001", holder: int = 1, point: str = "hall-in") -> AccessPending:
    because = Explanation("SECOND_PERSON_REQUIRED", "R2", {"area": "hall", "wait_s": 8})
    return AccessPending(point, "hall-door", 1, holder, number, because, 9_000_000, customer=1)


def taps(context: Context) -> list[Tap]:
    with context.database.read() as session:
        return view.panels(session, context, context.clock.now()).taps


def another_holder(context: Context, name: str) -> int:
    with context.database.write() as session:
        holder = Holder(public_id=f"hld_{name}", kind="staff", created_at=context.clock.now())
        write_field(context.personal, holder, "name", name)
        session.add(holder)
        session.flush()
        assert holder.id is not None
        return holder.id


def test_a_guard_sees_the_photo_small_and_the_look_is_recorded_once_an_hour(
    app: FastAPI, edge: EdgeRow, context: Context, clock: FixedClock
) -> None:
    photo_of(context, 1)
    edge.happen(granted(), denied())
    guard = token_client(app, "guard")
    last = last_seq(context)
    for seq in (last - 1, last, last):
        answer = guard.get(f"/live/taps/{seq}/photo")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"] == "no-store"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.width <= 320
            assert picture.height <= 400
    assert [(one.subject, one.after) for one in looks(context)] == [
        ("hld_1", {"fields": ["photo"], "reason": "门口核对照片 compared at the door: hall-in"})
    ]
    clock.advance(timedelta(minutes=61))
    assert guard.get(f"/live/taps/{last}/photo").status_code == 200
    assert len(looks(context)) == 2
    shown = token_client(app, "auditor").get("/api/v1/personal/looks").json()["items"]
    assert [one["subject"] for one in shown] == ["hld_1", "hld_1"]
    for language, said in (
        ("en", "photo compared at the door: lobby → hall"),
        ("zh-CN", "门口比对照片：lobby → hall"),
    ):
        headers = {"Accept": "text/html", "Accept-Language": language}
        assert said in token_client(app, "auditor").get("/customers/looks", headers=headers).text


def test_few_large_photos_are_decoded_at_a_time(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, lock, go_on = 0, threading.Lock(), threading.Event()

    def look(_self: Portraits, _actor: Actor, seq: int) -> _Found:
        return _Found(f"hld_{seq}", f"att_{seq}", "hall-in")

    def make(_self: Portraits, photo: str) -> bytes:
        nonlocal at_work
        with lock:
            at_work += 1
        assert go_on.wait(30)
        return photo.encode()

    monkeypatch.setattr(Portraits, "_look", look)
    monkeypatch.setattr(Portraits, "_make", make)
    begun: list[int] = []

    async def all_at_once() -> list[bytes]:
        portraits = Portraits(context)
        guard = Actor("operator", "opr_1", "Kim", "guard")
        asked = [asyncio.create_task(portraits.of_tap(guard, seq)) for seq in range(DECODED_AT_ONCE * 3)]
        while at_work < DECODED_AT_ONCE:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # time for one too many to begin
        begun.append(at_work)
        go_on.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(all_at_once()) == [f"att_{seq}".encode() for seq in range(DECODED_AT_ONCE * 3)]
    assert begun == [DECODED_AT_ONCE]


def test_photos_at_the_door_do_not_use_up_the_looks_of_a_guard(
    app: FastAPI, edge: EdgeRow, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.personal.looks.LOOKS_PER_WINDOW", 1)
    assert LOOKS_PER_WINDOW > 1
    photo = photo_of(context, 1)
    edge.happen(granted())
    guard = token_client(app, "guard")
    assert guard.get(f"/live/taps/{last_seq(context)}/photo").status_code == 200
    body = {"reason": "photo and person compared"}
    assert guard.post(f"/api/v1/attachments/{photo}/look", json=body).status_code == 200


def test_who_may_see_no_photo_gets_none_and_nothing_is_shown_for_long(
    app: FastAPI, edge: EdgeRow, context: Context, clock: FixedClock
) -> None:
    edge.happen(granted(), AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    last = last_seq(context)
    guard = token_client(app, "guard")
    assert guard.get(f"/live/taps/{last - 1}/photo").status_code == 404, "no photo is on file"
    photo_of(context, 1)
    assert guard.get(f"/live/taps/{last}/photo").status_code == 404, "an alarm is nobody's tap"
    assert guard.get(f"/live/taps/{last + 9}/photo").status_code == 404
    assert token_client(app, "auditor").get(f"/live/taps/{last - 1}/photo").status_code == 403
    clock.advance(timedelta(hours=25))
    assert guard.get(f"/live/taps/{last - 1}/photo").status_code == 410
    assert looks(context) == []


def test_the_newest_tap_is_large_and_each_busy_door_has_its_card(edge: EdgeRow, context: Context) -> None:
    photo_of(context, 1)
    lobby = AccessGranted(
        "lobby-in",
        "lobby-door",
        1,
        1,
        "M1001",
        Explanation("PERMITTED", "R1", {"area": "lobby", "grant": 1}),
        0,
        customer=1,
    )
    edge.happen(lobby, *[denied(number) for number in ("M1002", "M1003", "M1004", "M1005", "M1005")])
    shown = taps(context)
    assert [(tap.event.number, tap.large) for tap in shown] == [
        ("M1005", True), ("M1001", False), ("M1004", False), ("M1003", False),
    ]  # fmt: skip
    assert shown[0].repeats == 1
    assert [tap.photo for tap in shown] == [True, True, True, True], "all of them are of one holder here"


def test_unknown_cards_at_one_reader_are_not_said_to_be_one_card(app: FastAPI, edge: EdgeRow, context: Context) -> None:
    unknown = AccessDenied("hall-in", "hall-door", Explanation("UNKNOWN_BADGE", "R1", {"technology": "uid"}))
    edge.happen(unknown, unknown, unknown)
    (tap,) = taps(context)
    assert tap.repeats == 2
    page = token_client(app, "guard").get("/live", headers={"accept-language": "en"}).text
    assert "3 taps, of one card or several" in page
    assert "3 times" not in page


def test_who_waited_for_a_partner_is_shown_as_let_in_with_them(edge: EdgeRow, context: Context) -> None:
    second = another_holder(context, "王伟")
    edge.happen(pending(), AccessGranted(
        "hall-in", "hall-door", 2, second, "M2002", Explanation("PERMITTED", "R1", {"area": "hall", "grant": 1}), 0, partners=(1,),
    ))  # fmt: skip
    assert [(tap.event.number, tap.event.kind, tap.event.company) for tap in taps(context)] == [
        ("M2002", "AccessGranted", ["李*"])
    ]


def test_a_lost_badge_is_marked_with_what_to_do_and_its_alarm_has_photo_and_place(
    app: FastAPI, edge: EdgeRow, context: Context
) -> None:
    photo_of(context, 1)
    lost = AccessDenied(
        "hall-in", "hall-door", Explanation("BADGE_LOST", "B4", {"number": "M1001"}), 1, 1, "M1001", customer=1
    )
    inputs: dict[str, str | int] = {"holder": 1, "access_point": "hall-in", "badge": 1}
    edge.happen(lost, AlarmRaised("BADGE_LOST", "M1001", "B4", inputs))
    (tap,) = taps(context)
    assert tap.lost
    page = token_client(app, "guard").get("/live", headers={"accept-language": "en"}).text
    assert "Lost badge</b> A lost badge was used: go there, compare the photo, take the badge." in page
    assert page.count(f'data-face="{tap.event.seq}"') == 2, "beside the tap and beside the alarm"
    assert "/attachments/" not in page


def test_the_page_draws_every_area_and_door_with_its_four_facts_as_text(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("DoorHeldOpen", "hall-door", "R1"))
    page = token_client(app, "guard").get("/live", headers={"accept-language": "en"}).text
    plan = page[page.index('<svg class="plan"') : page.index('<ul id="doors"')]
    for name in ("lobby", "hall", "cage-a"):
        assert f'data-area="{name}"' in plan
    for name in ("lobby-door", "hall-door"):
        assert f'role="button" tabindex="0" data-act="place" data-door="{name}"' in plan
    assert "Position unknown, Lock unknown, Mode unknown, Alarm: Door held open" in plan
    assert 'data-area="outside"' not in plan


def test_what_was_missed_is_counted_by_kind_with_alarms_and_refusals_themselves(
    app: FastAPI, edge: EdgeRow, context: Context
) -> None:
    seen = last_seq(context)
    guard = token_client(app, "guard")
    assert guard.get(f"/live/missed?after={seen}").text.strip() == ""
    edge.happen(granted(), granted(), denied(), AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    text = guard.get(f"/live/missed?after={seen}", headers={"accept-language": "en"}).text
    assert "<b>2</b> taps granted" in text
    assert "<b>1</b> taps denied" in text
    assert "<b>1</b> alarms raised" in text
    assert text.count("<li>") == 2
    assert "李*" in text
    assert "李娜" not in text
    assert "次拒绝" in guard.get(f"/live/missed?after={seen}", headers={"accept-language": "zh-CN"}).text


def test_after_a_restore_it_is_said_that_nothing_can_be_said(app: FastAPI, edge: EdgeRow, context: Context) -> None:
    answer = token_client(app, "guard").get(
        f"/live/missed?after={last_seq(context) + 100}", headers={"accept-language": "en"}
    )
    assert "restored from an older copy" in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_whom_to_admit_is_told_to_who_may_admit(app: FastAPI, edge: EdgeRow) -> None:
    answer = token_client(app, "guard").get("/live/admissible?point=hall-in")
    assert answer.json() == {"visits": [], "emergencies": []}
    assert token_client(app, "auditor").get("/live/admissible?point=hall-in").status_code == 403


def test_a_hint_wakes_the_hub(edge: EdgeRow, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "POLL_S", 3600.0)
    hub = LiveHub(context, Renderer(context.site))
    hub.hint()  # nobody looks on

    async def story() -> None:
        from server.operators.actor import SYSTEM

        subscription = await hub.subscribe(SYSTEM, Audience("en", fleet=False), None)

        async def until_row() -> None:
            while b"event: row" not in (await subscription.next() or b"event: row"):
                pass

        await asyncio.to_thread(edge.happen, granted())
        await asyncio.to_thread(hub.hint)
        async with asyncio.timeout(10):
            await until_row()
        assert not subscription.ended
        hub.unsubscribe(subscription)
        hub.hint()
        await asyncio.sleep(0)

    asyncio.run(story())
