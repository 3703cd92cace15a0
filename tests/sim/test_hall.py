"""The hall through its HTTP interface, an imaginary edge moving the relays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.cable import Cable
from sim.cards.desfire import DesfireCard
from sim.waiting import until
from tests.sim.hall_bench import HallBench, running_hall


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallBench]:
    with running_hall(tmp_path_factory.mktemp("hall") / "dev") as bench:
        yield bench


@pytest.fixture
def bench(shared: HallBench) -> HallBench:
    """As after start: all shut and locked, no card anywhere, all plugged."""
    hall = shared.hall
    for door in hall.doors:
        shared.lock(door)
        with hall.hands_on(door) as state:
            state.close()
            state.release_rex()
            state.tamper(False)
    for unit in (*hall.boards.values(), *hall.readers.values()):
        unit.act("normal")
        unit.act("plug")
    for kind, zones in hall.zones.items():
        for zone in zones:
            hall.set_zone(kind, zone, False)
    for reader in hall.readers:
        hall.clear_reader(reader)
        for lamp in hall.readers[reader].lamps:
            shared.lamp(reader, lamp, False)
        hall.readers[reader].lamp_changes.clear()
    for area in hall.people:
        hall.people[area] = 0
    shared.post("/cards", {"id": "b-li", "technology": "desfire", "number": "M1001"})
    return shared


def test_the_state_names_everything_once(bench: HallBench) -> None:
    state = bench.state()
    assert set(state) == {"cards", "readers", "scanners", "doors", "boards", "inputs"}
    assert set(state["doors"]) == {"lobby-door", "hall-door", "cage-door", "goods-door"}
    assert set(state["boards"]) == {"relay-1", "relay-2", "relay-3"}
    assert state["readers"]["hall-in"]["door"] == "hall-door"
    assert state["doors"]["hall-door"]["fire_zones"] == ["z1"]
    assert all(door["locked"] and not door["open"] for door in state["doors"].values())


def test_at_rest_every_normally_closed_loop_carries_current(bench: HallBench) -> None:
    boards = bench.state()["boards"]
    assert boards["relay-1"]["inputs"] == [True] * 4 + [False] * 4
    assert boards["relay-2"]["inputs"] == [True, True, True, True, False, True, True, True]


# cards and taps


def test_a_card_gets_the_uid_that_is_asked_for_or_one_of_its_own(bench: HallBench) -> None:
    asked = bench.post("/cards", {"id": "c", "technology": "desfire", "number": "A1", "uid": "04112233445566"})
    assert asked == {"id": "c", "uid": "04112233445566"}
    assert len(bench.post("/cards", {"id": "u", "technology": "uid", "number": "M1008"})["uid"]) == 14
    assert bench.post("/cards", {"id": "u", "technology": "uid", "number": "DEADBEEF"})["uid"] == "DEADBEEF"


def test_a_tap_that_unlocks_is_measured_to_the_relay_command(bench: HallBench) -> None:
    with bench.meanwhile(bench.lies("b-li", "hall-in"), lambda: bench.grant("hall-door", "hall-in")):
        answer = bench.post("/present", {"card": "b-li", "reader": "hall-in"})
    assert answer["unlocked"] is True
    assert answer["indicator"] == "granted"
    assert answer["tap_to_unlock_ms"] >= 0


def test_an_unlock_of_another_door_is_not_taken_for_an_answer(bench: HallBench) -> None:
    with bench.meanwhile(bench.lies("b-li", "hall-in"), lambda: bench.unlock("cage-door")):
        answer = bench.post("/present", {"card": "b-li", "reader": "hall-in", "wait_s": 0.3})
    assert answer == {"unlocked": False, "tap_to_unlock_ms": None, "indicator": "none"}


def test_a_grant_while_the_lock_is_released_already_counts(bench: HallBench) -> None:
    bench.unlock("hall-door")
    with bench.meanwhile(bench.lies("b-li", "hall-in"), lambda: bench.unlock("hall-door")):
        assert bench.post("/present", {"card": "b-li", "reader": "hall-in"})["unlocked"] is True


def test_a_stuck_relay_unlocks_nothing(bench: HallBench) -> None:
    bench.post("/device", {"device": "relay-1", "act": "stuck"})
    with bench.meanwhile(bench.lies("b-li", "hall-in"), lambda: bench.unlock("hall-door")):
        answer = bench.post("/present", {"card": "b-li", "reader": "hall-in", "wait_s": 0.3})
    assert answer["unlocked"] is False


def test_a_red_light_is_a_denial(bench: HallBench) -> None:
    with bench.meanwhile(bench.lies("b-li", "hall-in"), lambda: bench.lamp("hall-in", "red", True)):
        assert bench.post("/present", {"card": "b-li", "reader": "hall-in"})["indicator"] == "denied"


def test_a_card_leaves_after_its_time_and_can_lie_on_one_reader_only(bench: HallBench) -> None:
    bench.post("/present", {"card": "b-li", "reader": "hall-in", "hold_s": 60, "wait_s": 0})
    bench.post("/present", {"card": "b-li", "reader": "cage-in", "hold_s": 0.05, "wait_s": 0})
    assert until(lambda: bench.hall.readers["cage-in"]._field.cards == [], 5.0)
    assert bench.hall.cards["b-li"].reader is None
    assert bench.hall.readers["hall-in"]._field.cards == []


def test_remove_clears_a_reader(bench: HallBench) -> None:
    bench.post("/cards", {"id": "two", "technology": "desfire", "number": "A2"})
    for card in ("b-li", "two"):
        bench.post("/present", {"card": card, "reader": "hall-in", "hold_s": 60, "wait_s": 0})
    assert len(bench.hall.readers["hall-in"]._field.cards) == 2
    bench.post("/remove", {"reader": "hall-in"})
    assert bench.hall.readers["hall-in"]._field.cards == []
    assert bench.state()["cards"]["b-li"]["reader"] is None


def test_a_card_made_again_does_not_stay_on_the_reader(bench: HallBench) -> None:
    bench.post("/present", {"card": "b-li", "reader": "hall-in", "hold_s": 60, "wait_s": 0})
    bench.post("/cards", {"id": "b-li", "technology": "desfire", "number": "M1001"})
    assert bench.hall.readers["hall-in"]._field.cards == []


# doors


def test_a_locked_door_is_not_pushed_open_but_forced(bench: HallBench) -> None:
    assert bench.post("/door", {"door": "hall-door", "act": "open"}, 409) == {"error": "hall-door is locked"}
    assert bench.post("/door", {"door": "hall-door", "act": "force"}) == {"open": True, "locked": True}
    assert bench.state()["boards"]["relay-1"]["inputs"][1] is False
    assert bench.post("/door", {"door": "hall-door", "act": "close"}) == {"open": False, "locked": True}
    assert bench.state()["boards"]["relay-1"]["inputs"][1] is True


def test_people_pass_an_unlocked_door_and_are_counted(bench: HallBench) -> None:
    assert bench.post("/pass", {"door": "hall-door"}) == {"open": False, "locked": True, "passed": 0}
    bench.unlock("hall-door")
    answer = bench.post("/pass", {"door": "hall-door", "people": 1, "out": False, "tailgate": 2})
    assert answer == {"open": True, "locked": False, "passed": 3}
    state = bench.state()
    assert state["inputs"]["people"]["hall"] == 3
    assert not state["doors"]["hall-door"]["open"]


@pytest.mark.parametrize("door", ["hall-door", "goods-door", "lobby-door"])
def test_out_always_works_with_no_edge_at_all(bench: HallBench, door: str) -> None:
    answer = bench.post("/pass", {"door": door, "out": True})
    assert (answer["open"], answer["passed"]) == (True, 1)
    assert bench.state()["doors"][door]["locked"]


def test_going_out_by_the_lever_shows_on_the_exit_contact(bench: HallBench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[bool]] = []
    inputs = bench.hall.boards["relay-1"].relays.inputs
    monkeypatch.setattr(bench.hall, "on_change", lambda *_: seen.append(list(inputs)))
    bench.post("/pass", {"door": "hall-door", "out": True})
    opened = next(levels for levels in seen if not levels[1])
    assert opened[5] is True  # the leaf was open and the lever still down
    assert inputs[5] is False


def test_a_propped_door_stays_open_when_somebody_passes(bench: HallBench) -> None:
    bench.unlock("hall-door")
    bench.post("/door", {"door": "hall-door", "act": "prop"})
    bench.lock("hall-door")
    answer = bench.post("/pass", {"door": "hall-door"})
    assert answer["passed"] == 1
    assert bench.state()["doors"]["hall-door"]["open"]


def test_the_exit_button_waits_for_the_edge(bench: HallBench) -> None:
    with bench.meanwhile(lambda: bench.hall.boards["relay-1"].relays.inputs[5], lambda: bench.unlock("hall-door")):
        assert bench.post("/rex", {"door": "hall-door"}) == {"unlocked": True}
    assert bench.hall.boards["relay-1"].relays.inputs[5] is False


def test_the_exit_button_of_a_mechanical_door_moves_no_lock_by_itself(bench: HallBench) -> None:
    assert bench.post("/rex", {"door": "hall-door"}) == {"unlocked": False}


# loops and devices


def test_fire_gas_and_tamper_open_their_loops(bench: HallBench) -> None:
    inputs = bench.hall.boards["relay-2"].relays.inputs
    for path, body, number in (
        ("/fire", {"zone": "z1"}, 7),
        ("/fire", {"door": "goods-door"}, 6),
        ("/gas", {"zone": "z1"}, 5),
        ("/tamper", {"door": "cage-door"}, 2),
    ):
        bench.post(path, body)
        assert inputs[number] is False
        bench.post(path, {**body, "clear": True})
        assert inputs[number] is True


def test_a_lockdown_button_closes_its_loop(bench: HallBench) -> None:
    inputs = bench.hall.boards["relay-2"].relays.inputs
    assert bench.post("/lockdown", {"area": "hall"}) == {"area": "hall", "active": True}
    assert inputs[4] is True
    assert bench.state()["inputs"]["lockdown"] == {"hall": True}
    bench.post("/lockdown", {"area": "hall", "clear": True})
    assert inputs[4] is False
    assert "no lockdown zone 'attic'" in bench.post("/lockdown", {"area": "attic"}, 404)["error"]


def test_a_cable_pulled_and_put_back(bench: HallBench) -> None:
    for device in ("hall-in", "relay-2"):
        kind = "readers" if device == "hall-in" else "boards"
        path = (bench.hall.readers.get(device) or bench.hall.boards[device]).line.link_path
        bench.post("/device", {"device": device, "act": "unplug"})
        assert bench.state()[kind][device]["plugged"] is False
        assert not path.is_symlink()
        bench.post("/device", {"device": device, "act": "plug"})
        assert bench.state()[kind][device]["plugged"] is True
        assert path.is_symlink()


def test_the_network_is_a_device_when_it_runs_through_the_hall(tmp_path: Path) -> None:
    with running_hall(tmp_path / "dev", Cable("127.0.0.1", 9)) as bench:
        bench.post("/device", {"device": "network", "act": "unplug"})
        assert bench.state()["inputs"]["network"] == {"plugged": False, "act": "normal"}


# bad requests


@pytest.mark.parametrize(
    ("path", "body", "status", "line"),
    [
        ("/present", {"card": "zz", "reader": "hall-in"}, 404, "no card 'zz'; there are b-li"),
        ("/present", {"card": "b-li", "reader": "zz"}, 404, "no reader 'zz'; there are cage-in"),
        ("/present", {"reader": "hall-in"}, 400, "missing required field `card`"),
        ("/present", {"card": "b-li", "reader": "hall-in", "wait_s": 31}, 400, "`$.wait_s`"),
        ("/present", {"card": "b-li", "reader": "hall-in", "colour": 1}, 400, "unknown field `colour`"),
        ("/door", {"door": "zz", "act": "open"}, 404, "no door 'zz'"),
        ("/door", {"door": "hall-door", "act": "kick"}, 422, "no act 'kick'; there are open, close, force, prop"),
        ("/pass", {"door": "hall-door", "people": 0}, 400, "`$.people`"),
        ("/fire", {"zone": "zz"}, 404, "no fire zone 'zz'; there are z1, z2"),
        ("/fire", {}, 422, "fire: name the zone; there are z1, z2"),
        ("/tamper", {"zone": "z1"}, 422, "tamper: name the door"),
        ("/device", {"device": "hall-in", "act": "kick"}, 422, "hall-in has no act 'kick'; there are unplug, plug"),
        ("/device", {"device": "zz", "act": "plug"}, 404, "no device 'zz'"),
        ("/device", {"device": "network", "act": "plug"}, 422, "--broker-upstream"),
        ("/cards", {"id": "x", "technology": "paper", "number": "1"}, 422, "card x: technology 'paper'"),
        ("/cards", {"id": "x", "technology": "desfire", "number": ""}, 422, "card x"),
        ("/cards", {"id": "../x", "technology": "desfire", "number": "1"}, 400, "`$.id`"),
        ("/cards", {"id": "x", "technology": "desfire", "number": "1", "uid": "0"}, 400, "`$.uid`"),
        ("/nothing", {}, 404, "POST /nothing: no such call"),
        ("/state", {}, 405, "not with this method"),
    ],
)
def test_a_bad_request_gets_one_line(
    bench: HallBench, path: str, body: dict[str, object], status: int, line: str
) -> None:
    error = bench.post(path, body, status)
    assert set(error) == {"error"}
    assert line in error["error"]
    assert "\n" not in error["error"]


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 5000, b'{"a":' * 3000, b"\xff\xfe", b"x" * 20_000])
def test_a_body_that_is_no_json_is_refused(bench: HallBench, content: bytes) -> None:
    answer = bench.request("POST", "/rex", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"content-type": "text/plain"}, 415),
    ],
)
def test_a_foreign_page_cannot_act(bench: HallBench, headers: dict[str, str], status: int) -> None:
    headers = {"content-type": "application/json", **headers}
    answer = bench.request("POST", "/door", content=b'{"door":"hall-door","act":"force"}', headers=headers)
    assert answer.status_code == status
    assert not bench.hall.doors["hall-door"].leaf_open


def test_the_page_and_its_files_come_with_a_strict_policy(bench: HallBench) -> None:
    for path in (
        "/",
        "/page/main.js",
        "/page/floorplan.js",
        "/page/words.js",
        "/page/drag.js",
        "/page/log.js",
        "/page/style.css",
        "/page/icon.svg",
    ):
        answer = bench.request("GET", path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert bench.request("GET", "/page/../hall.py").status_code == 404


def test_the_site_tells_the_page_what_to_draw(bench: HallBench) -> None:
    site = bench.request("GET", "/site").json()
    areas = {area["id"] for area in site["site"]["areas"]}
    assert set(site["plan"]["rooms"]) == areas - {"outside"}
    assert set(site["plan"]["doors"]) == {door["id"] for door in site["site"]["doors"]}
    assert site["people"]["b-li"]["customer"] == "C001"
    assert site["readers"]["hall-in"] == "hall-in"


def test_a_full_field_is_said_and_the_card_stays_in_the_hand(bench: HallBench) -> None:
    for number in range(17):
        bench.post("/cards", {"id": f"c{number}", "technology": "desfire", "number": f"A{number}"})
    for number in range(16):
        bench.post("/present", {"card": f"c{number}", "reader": "cage-in", "hold_s": 60, "wait_s": 0})
    error = bench.post("/present", {"card": "c16", "reader": "cage-in", "wait_s": 0}, 422)
    assert "reader cage-in: no more than 16 cards" in error["error"]
    assert bench.state()["cards"]["c16"]["reader"] is None


def test_an_interrupted_card_leaves_its_reader(bench: HallBench) -> None:
    bench.post("/cards", {"id": "blank", "technology": "desfire-blank", "number": ""})
    bench.post("/interrupt", {"card": "blank", "command": 2, "effect": "after", "away": True})
    bench.post("/lay", {"card": "blank", "reader": "hall-in"})
    chip = bench.hall.card("blank").chip
    assert isinstance(chip, DesfireCard)
    line = bench.hall.reader("hall-in").line
    line.call(lambda: None)
    assert chip.command(bytes.fromhex("906a000000")) is not None
    assert bench.state()["cards"]["blank"]["reader"] == "hall-in"
    assert chip.command(bytes.fromhex("906a000000")) is None
    assert until(lambda: bench.state()["cards"]["blank"]["reader"] is None, 5.0)


def test_the_desk_opens_no_door(bench: HallBench) -> None:
    assert bench.state()["readers"]["desk"]["door"] is None
    error = bench.post("/present", {"card": "b-li", "reader": "desk"}, 422)["error"]
    assert "POST /lay" in error


def test_only_a_desfire_card_can_be_interrupted(bench: HallBench) -> None:
    bench.post("/cards", {"id": "plain", "technology": "uid", "number": ""})
    body = {"card": "plain", "command": 1, "effect": "before"}
    assert "only DESFire" in bench.post("/interrupt", body, 422)["error"]
