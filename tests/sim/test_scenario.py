"""The scenario language: what it takes, and that whatever it does not take names line and key."""

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import ALONE_KEYS, EXPECTED_KEYS, ScenarioError
from sim.scenario_file import load, parse
from sim.scenario_goods import Scan
from sim.scenario_times import duration_s, moment
from sim.scenario_verbs import ACTS, BadgeVerb, HolderVerb, Lockdown, Look, Reissue, Tap, acts_in

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)

WHOLE = """\
name: two people open the hall
site: demo
settings: {pairing_window_s: 5}
given:
  customers: [{code: C001, kind: organisation, name: 华云数据, contract: {from: -30d, to: +365d}, areas: [hall]}]
  holders:
    - {id: li, customer: C001, name: 李娜}
  badges: [{id: b-li, holder: li, card: desfire}]
steps:
  - tap: {badge: b-li, at: hall-in}
    expect: {decision: pending, reason: SECOND_PERSON_REQUIRED}
  - badge: {id: b-li, report: lost}
    expect: ok
  - wait: 500ms
  - expect: {occupancy: {hall: 2}}
"""


def test_a_scenario_reads_into_its_steps() -> None:
    scenario = parse(WHOLE, "two.yaml")
    assert scenario.settings == {"pairing_window_s": 5.0}
    assert [step.verb for step in scenario.steps] == ["tap", "badge", "wait", "expect"]
    assert scenario.steps[0].argument == Tap(at="hall-in", badge="b-li")
    assert scenario.steps[0].line == 10
    assert scenario.steps[1].expect is not None
    assert scenario.steps[1].expect.ok is True


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("at: hall-in", "at_door: hall-in", 10, "at_door"),
        ("- tap:", "- tapp:", 10, "tapp"),
        ("wait: 500ms", "wait: 500", 14, "wait"),
        ("wait: 500ms", "wait: soon", 14, "wait"),
        ("kind: organisation", "kind: club", 5, "kind"),
        ("from: -30d", "from: 30 days ago", 5, "from"),
        ("{occupancy: {hall: 2}}", "{decision: granted}", 15, "decision"),
        ("reason: SECOND_PERSON_REQUIRED", "reasons: X", 11, "reasons"),
        ("decision: pending", "decision: maybe", 11, "decision"),
        ("decision: pending", "within_ms: 100", 11, "within_ms"),
        ("badge: b-li, at", "badge: b-li, card: unknown, at", 10, "badge or card"),
        ("holders:", "owners:", 6, "owners"),
        ("site: demo", "sight: demo", 2, "sight"),
        ("name: two", "name: a\nname: two", 2, "stands twice"),
        ("- wait: 500ms", "- wait: 500ms\n    tap: {card: unknown, at: hall-in}", 14, "one verb"),
        ("- wait: 500ms", "- wait: [", 15, ""),
        ("- wait: 500ms", "- 7", 14, "mapping"),
    ],
)
def test_what_the_language_does_not_know_names_line_and_key(old: str, new: str, line: int, named: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(WHOLE.replace(old, new), "two.yaml")
    text = str(caught.value)
    assert text.startswith(f"two.yaml:{line}: ")
    assert named in text
    assert "\n" not in text


ROOMS = """\
name: rooms
time: virtual
starts: 2026-03-02T17:59:00+08:00
rules: {hall: {capacity: 3}}
given:
  customers: [{code: C001, kind: organisation, name: A}]
  holders: [{id: li, customer: C001, name: B}]
  badges: [{id: b-li, holder: li}]
  permits: [{id: V1, holder: li, areas: [lobby]}]
steps:
  - tap: {badge: b-li, at: hall-in, late: 2.1s}
    expect: {granted: [b-li], events: [DoorUnlocked]}
  - lockdown: {area: hall, clear: true}
  - count: {area: hall, people: 2}
    expect: {alarm: OCCUPANCY_MISMATCH}
  - command: {name: UnlockDoor, by: guard, fields: {door: hall-door, reason: x}}
  - wait: 7.999s
  - expect: {occupancy: {hall: 2, lobby: [0, null]}, waiting: {hall-in: [b-li]}, alarms: [FIRE]}
"""


def test_rooms_read_into_their_steps() -> None:
    scenario = parse(ROOMS, "rooms.yaml")
    assert scenario.virtual
    assert scenario.rules == {"hall": {"capacity": 3}}
    assert scenario.steps[1].argument == Lockdown("hall", clear=True)
    assert scenario.steps[5].expect is not None
    assert scenario.steps[5].expect.occupancy == {"hall": 2, "lobby": (0, None)}


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("time: virtual", "time: soon", 2, "time"),
        ("time: virtual\n", "", 2, "time: virtual"),
        ("2026-03-02T17:59:00+08:00", "+1h", 3, "hangs on now"),
        ("hall: {capacity: 3}", "attic: {capacity: 3}", 4, "attic"),
        ("hall: {capacity: 3}", "hall: {capacity: 0}", 4, "capacity"),
        ("rules: {hall: {capacity: 3}}", "settings: {patience_s: 3}", 4, "patience_s"),
        ("customer: C001, name: B", "customer: C002, name: B", 7, "C002"),
        ("badges: [{id: b-li, holder: li}]", "badges: [{id: b-li, holder: lu}]", 8, "'lu'"),
        ("permits: [{id: V1, holder: li", "permits: [{id: b-li, holder: li", 9, "twice"),
        ("areas: [lobby]}]", "areas: [lobby], escort: false}]", 9, "escort"),
        ("late: 2.1s", "late: 2.1", 11, "late"),
        ("events: [DoorUnlocked]", "events: [DoorExploded]", 12, "DoorExploded"),
        ("alarm: OCCUPANCY_MISMATCH", "alarm: PANIC", 15, "PANIC"),
        ("name: UnlockDoor", "name: OpenDoor", 16, "OpenDoor"),
        ("door: hall-door, reason: x", "door: hall-door", 16, "reason"),
        ("door: hall-door, reason: x", "door: hall-door, why: x", 16, "why"),
        ("by: guard", "by: boss", 16, "boss"),
        ("alarms: [FIRE]", "alarms: [FLOOD]", 18, "FLOOD"),
        ("lobby: [0, null]", "lobby: many", 18, "occupancy"),
    ],
)
def test_rooms_that_the_language_does_not_know_name_line_and_key(old: str, new: str, line: int, named: str) -> None:
    assert old in ROOMS
    with pytest.raises(ScenarioError) as caught:
        parse(ROOMS.replace(old, new), "rooms.yaml")
    assert str(caught.value).startswith(f"rooms.yaml:{line}: ")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


GOODS = """\
name: goods
time: virtual
given:
  customers: [{code: C001, kind: organisation, name: A}]
  holders: [{id: li, customer: C001, name: B}]
  inventory: [{serial: SN-1, model: R750, customer: C001}]
  slips: [{id: S1, customer: C001, carriers: [li], items: [SN-1], to: +1h}]
  orders: [{id: W1, customer: C001, lines: [{model: R750, serials: [SN-2]}]}]
steps:
  - scan: {at: goods-out, raw: A, times: 4096}
    expect: {decision: denied}
  - check: {at: goods-out, slip: S1, serials: [SN-1]}
  - slip: {id: S1, bind: {edge: edge-2}}
  - permit: {id: V1, end: now}
  - scan: {at: goods-out, serial: SN-1, late: 2s}
  - expect: {checks: {goods-out: {document: S1, scanned: [SN-1]}}, left: {S1: 1}, inventory: {C001: [SN-1]}}
"""


def test_equipment_reads_into_its_steps() -> None:
    scenario = parse(GOODS, "goods.yaml")
    assert scenario.given.orders[0].lines[0].devices == 1
    assert [step.verb for step in scenario.steps] == ["scan", "check", "slip", "permit", "scan", "expect"]
    assert scenario.steps[0].argument == Scan("goods-out", raw="A", times=4096)


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("serial: SN-1, model: R750, customer: C001", "serial: SN-1, model: R750, customer: C002", 6, "C002"),
        ("carriers: [li]", "carriers: [lu]", 7, "'lu'"),
        ("items: [SN-1]", "items: [SN-9]", 7, "SN-9"),
        ("items: [SN-1], ", "", 7, "lets nothing pass"),
        ("to: +1h", "to: soon", 7, "to"),
        ("kind: organisation, name: A}]", "kind: organisation, name: A}]\n  slip: []", 5, "slip"),
        ("serials: [SN-2]}]", "serials: [SN-2], quantity: 1}]", 8, "either serials or a quantity"),
        ("lines: [{model: R750, serials: [SN-2]}]", "arrived: -25h", 8, "lets nothing pass"),
        ("id: W1", "id: S1", 8, "twice"),
        ("raw: A, times: 4096", "slip: S1, times: 2", 10, "times"),
        ("raw: A, times: 4096", "raw: A, times: 0", 10, "times"),
        ("raw: A, times: 4096", "raw: A, slip: S1", 10, "one of slip, order"),
        ("slip: S1, serials", "slip: S1, order: W1, serials", 12, "either slip or order"),
        ("bind: {edge: edge-2}", "bind: {edge: edge-2}, cancel: true", 13, "one of"),
        ("end: now", "end: soon", 14, "end"),
        ("late: 2s", "late: 2", 15, "late"),
        ("document: S1, scanned", "documents: S1, scanned", 16, "documents"),
    ],
)
def test_equipment_that_the_language_does_not_know_names_line_and_key(
    old: str, new: str, line: int, named: str
) -> None:
    assert old in GOODS
    with pytest.raises(ScenarioError) as caught:
        parse(GOODS.replace(old, new), "goods.yaml")
    assert str(caught.value).startswith(f"goods.yaml:{line}: ")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["count: {area: hall, people: 2}", "tap: {badge: b-li, at: hall-in, late: 2s}"])
def test_what_no_process_has_is_refused_in_real_time(line: str) -> None:
    with pytest.raises(ScenarioError, match="time: virtual"):
        parse(f"name: x\nsteps:\n  - {line}\n", "x.yaml")


RECORDS = """\
name: records
steps:
  - badge: {id: b-li, reissue: {as: b-new, letter: false}}
    expect: {refused: APPLICATION_INCOMPLETE}
  - holder: {id: li, look: {fields: [phone], reason: called back}}
    expect: {clear: {phone: "13800000000"}}
  - contract: {id: K-C001, until: -1h, confirm: true}
    expect: {in_force: {contract: K-C001, within_ms: 5000}}
  - registry: {sql: UPDATE contract SET status = 'ended'}
  - expect: {shows: {badge: b-li, standing: lost}, history: {customer: C001, texts: [C002]}}
"""


def test_records_read_into_their_acts() -> None:
    steps = parse(RECORDS, "records.yaml").steps
    assert steps[0].argument == BadgeVerb("b-li", reissue=Reissue("b-new", letter=False))
    assert steps[1].argument == HolderVerb("li", look=Look(("phone",), "called back"))
    assert [acts_in(step.argument) for step in steps] == [["reissue"], ["look"], ["until"], [], []]


@pytest.mark.parametrize(
    ("old", "new", "line", "named"),
    [
        ("letter: false", "letters: false", 3, "letters"),
        ("reissue: {as: b-new, letter: false}", "issue: true, approve: true", 3, "one of"),
        (", reissue: {as: b-new, letter: false}", "", 3, "does none"),
        ("reissue: {as: b-new, letter: false}", "transfer: {as: b-new}", 3, "needs to"),
        ("reissue: {as: b-new, letter: false}", "apply: {holder: li, without: [stamp]}", 3, "stamp"),
        ("until: -1h", "until: later", 7, "later"),
        ("within_ms: 5000", "within_ms: 100", 8, "within_ms"),
        ("contract: K-C001, within_ms", "within_ms", 8, "badge or contract"),
        ("shows: {badge: b-li,", "shows: {", 10, "begins with"),
        ("customer: C001, texts", "texts", 10, "needs one of"),
        ("sql: UPDATE", "statement: UPDATE", 9, "statement"),
    ],
)
def test_records_that_the_language_does_not_know_name_line_and_key(old: str, new: str, line: int, named: str) -> None:
    assert old in RECORDS
    with pytest.raises(ScenarioError) as caught:
        parse(RECORDS.replace(old, new), "records.yaml")
    assert str(caught.value).startswith(f"records.yaml:{line}: ")
    assert named in str(caught.value)


def test_a_scenario_that_encodes_needs_a_desk() -> None:
    text = "name: x\nsteps:\n  - badge: {id: b-li, %s: true}\n"
    assert parse(text % "encode", "x.yaml").needs_desk
    assert not parse(text % "issue", "x.yaml").needs_desk


def test_a_file_without_steps_is_refused() -> None:
    with pytest.raises(ScenarioError, match="at least one step"):
        parse("name: nothing\nsteps: []\n", "none.yaml")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "missing.yaml")


@given(st.text(max_size=200))
def test_any_text_is_a_scenario_or_one_clear_error(text: str) -> None:
    try:
        parse(text, "any.yaml")
    except ScenarioError as error:
        assert str(error).startswith("any.yaml:")


def test_times_are_offsets_now_or_rfc_3339_with_a_zone() -> None:
    assert moment("-30d", NOW) == NOW - dt.timedelta(days=30)
    assert moment("+8s", NOW) == NOW + dt.timedelta(seconds=8)
    assert moment("now", NOW) == NOW
    assert moment("2026-01-31T08:00:00+08:00", NOW) == dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match="time zone"):
        moment("2026-01-31T08:00:00", NOW)


def test_durations_have_a_unit() -> None:
    assert duration_s("500ms") == 0.5
    assert duration_s("1h") == 3600
    with pytest.raises(ValueError, match="duration"):
        duration_s("5")


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_committed_scenario_can_be_read(path: Path) -> None:
    assert load(path).steps


def test_the_docs_name_every_verb_act_and_expectation() -> None:
    text = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert [verb for verb in EXPECTED_KEYS if f"`{verb}`" not in text] == []
    assert [act for acts in ACTS.values() for act in acts if not re.search(rf"`{act}\b", text)] == []
    assert [key for key in ALONE_KEYS if f"`{key}" not in text] == []
