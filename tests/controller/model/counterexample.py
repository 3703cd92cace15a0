"""A counterexample made minimal, and saved as a scenario that ``menjin sim run`` plays (docs/scenarios.md), with its site beside it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from controller.events import AccessTaken, ExitByRequest
from controller.site import Site
from tests.controller.model import invariants
from tests.controller.model.buildings import BY_NAME, Building
from tests.controller.model.invariants import Violation
from tests.controller.model.steps import Step
from tests.controller.model.world import Ground

CODES = {1: "C001", 2: "C002"}


def replay(ground: Ground, honest: bool, steps: Sequence[Step]) -> tuple[int, Violation] | None:
    """The first violation on this way, and after how many steps; None if there is none, or a step is not possible."""
    world = ground.begin(honest)
    for number, step in enumerate(steps, 1):
        if step.act != "wait" and step not in ground.steps(world):
            return None
        taken = ground.move(world, step)
        world = taken.after
        fault = next(invariants.of_move(ground, taken), None) or next(invariants.of_world(ground, world), None)
        if fault is not None:
            return number, fault
    return None


def minimal(ground: Ground, honest: bool, steps: Sequence[Step], rule: str) -> tuple[tuple[Step, ...], Violation]:
    """Leave out whatever step the same rule breaks without. Raises ``ValueError`` if these steps do not break it at all."""
    kept = tuple(steps)
    found = replay(ground, honest, kept)
    if found is None or found[1].rule != rule:
        raise ValueError(f"these steps do not break {rule}")
    kept, violation = kept[: found[0]], found[1]
    shrunk = True
    while shrunk:
        shrunk = False
        for at in range(len(kept)):
            shorter = kept[:at] + kept[at + 1 :]
            again = replay(ground, honest, shorter)
            if again is not None and again[1].rule == rule:
                kept, violation, shrunk = shorter[: again[0]], again[1], True
                break
    return kept, violation


def save(ground: Ground, steps: Sequence[Step], violation: Violation, folder: Path) -> Path:
    """Write ``counterexample-<rule>.yaml`` and the folder of its site. Returns the scenario's path."""
    name = f"counterexample-{violation.rule}-{ground.building.name}"
    site = folder / f"{name}-site"
    site.mkdir(parents=True, exist_ok=True)
    (site / "site.toml").write_text(site_toml(ground.site), encoding="utf-8")
    (site / "edge.toml").write_text(edge_toml(ground.building), encoding="utf-8")
    path = folder / f"{name}.yaml"
    path.write_text(scenario(ground, steps, violation, str(site)), encoding="utf-8")
    return path


def scenario(ground: Ground, steps: Sequence[Step], violation: Violation, site: str) -> str:
    """The scenario's text. Its last step expects what did not hold, where the language can say it. Each leaf is closed behind those
    who passed: the language knows people who go through a door, not a leaf that stands open for the next."""
    building = ground.building
    areas = [area.id for area in building.site.areas if not area.public]
    cast = [BY_NAME[name] for name in building.people]
    holders = [
        {"id": f"h-{one.name}", "name": one.name}
        | ({"customer": CODES[one.customer]} if one.customer else {"staff": True, "areas": areas} if one.kind == "staff" else {})
        | ({"may_escort": [area for area in one.may_escort if area in areas]} if one.may_escort else {})
        | ({"keyholder": True} if one.keyholder else {})
        | ({"duties": list(one.duties)} if one.duties else {})
        for one in cast
    ]  # fmt: skip
    given = {
        "customers": [
            {
                "code": code, "kind": "organisation", "name": code, "areas": areas,
                "contract": {"from": "-30d", "to": "+365d"},
            }
            for code in CODES.values()
        ],
        "holders": holders,
        "badges": [{"id": one.name, "holder": f"h-{one.name}", "number": one.name} for one in cast if one.kind != "temporary"],
        "permits": [
            {"id": one.name, "holder": f"h-{one.name}", "areas": areas, "number": one.name}
            for one in cast
            if one.kind == "temporary"
        ],
    }  # fmt: skip
    told = list(_told(ground, (*steps, *violation.probe)))
    if told:
        told.append(_expected(violation, told.pop()))
    lines = [
        f"# {violation.text}",
        f"name: {_flow(f'counterexample to {violation.rule}')}",
        "time: virtual",
        f"site: {_flow(site)}",
        "given:",
        *(f"  {key}: {_flow(value)}" for key, value in given.items()),
        "steps:",
        *(f"  - {_flow(step)}" for step in told),
    ]
    return "\n".join(lines) + "\n"


def _told(ground: Ground, steps: Sequence[Step]) -> Iterator[dict[str, object]]:
    world = ground.begin(honest=False)
    for step in steps:
        taken = ground.move(world, step)
        world = taken.after
        passed: dict[tuple[str, bool], int] = {}
        for _, outcome in taken.outcomes:
            for event in outcome.record.events if outcome.record else ():
                if isinstance(event, AccessTaken):
                    way = event.door, ground.points[event.access_point].out
                    passed[way] = passed.get(way, 0) + 1
                elif isinstance(event, ExitByRequest):
                    passed[event.door, True] = passed.get((event.door, True), 0) + 1
        if not (passed and step.act == "open"):
            yield from verbs(step)
        for (door, out), people in sorted(passed.items()):
            yield {"pass": {"door": door, "people": people, "out": out}}


def _expected(violation: Violation, last: dict[str, object]) -> dict[str, object]:
    if violation.rule == "locked-in":
        return {**last, "expect": {"decision": "granted"}}
    if violation.rule == "rex":
        return {**last, "expect": {"unlocked": True}}
    if violation.rule == "two-person":
        return {**last, "expect": {"alarm": "LONE_OCCUPANT"}}
    return last


def verbs(step: Step) -> Iterator[dict[str, object]]:
    """A step in the scenario's words. A leaf that opens with nobody to pass is forced: the simulated hall then asks no lock."""
    match step.act:
        case "tap":
            yield {"tap": {"badge": step.who, "at": step.what}}
        case "open":
            yield {"door": {"force": step.what}}
        case "close":
            yield {"door": {"close": step.what}}
        case "rex":
            yield {"rex": step.what}
        case "wait":
            yield {"wait": f"{step.us // 1_000}ms"}
        case "restart":
            yield {"kill": "edge"}
            yield {"restore": "edge"}
        case "link":
            yield {"restore" if step.on else "cut": "mqtt"}
        case "fire":
            yield {"fire": {"zone": step.what}}
        case "reset":
            yield {"fire": {"zone": step.what, "clear": True}}
            yield _command("ResetFire", zone=step.what)
        case "lockdown":
            yield _command("LockDown", area=step.what)
        case "release":
            yield _command("Release", area=step.what)
        case "reconcile":
            yield _command("ReconcileOccupancy", area=step.what, numbers=list(step.names), others=step.n)
        case "flee":
            yield {"pass": {"door": step.what, "out": True}}
        case _:
            raise ValueError(f"the search does not take this step: {step}")


def _command(name: str, **fields: object) -> dict[str, object]:
    return {"command": {"name": name, "by": "supervisor", "fields": {"reason": "search", **fields}}}


def _flow(value: object) -> str:
    """YAML's flow style; JSON is part of it."""
    return json.dumps(value, ensure_ascii=False)


def site_toml(site: Site) -> str:
    """The site file that reads back as this site."""
    fields = msgspec.to_builtins(site)
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items() if not _is_tables(value)]
    for key, value in fields.items():
        if _is_tables(value):
            for table in value:
                lines += [
                    "",
                    f"[[{key}]]",
                    *(f"{name} = {_toml(entry)}" for name, entry in table.items() if entry is not None),
                ]
    return "\n".join(lines) + "\n"


def _is_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(entry) for entry in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def edge_toml(building: Building) -> str:
    """Hardware for the building: two boards, enough for three doors."""
    lines = [
        f'site = "{building.site.id}"', 'edge = "edge-1"', 'role = "door"', 'state_dir = "@STATE@"', 'bundle = "@BUNDLE@"',
        '[clock]', 'trust = "always"', 'adjustable = true', '[broker]', 'url = "@BROKER@"',
    ]  # fmt: skip
    for board in ("relay-1", "relay-2"):
        lines += ["[[boards]]", f'id = "{board}"', 'driver = "modbus-rtu"', f'port = "@DEV@/{board}"', "baud = 115200"]
        lines.append(f"unit = {board[-1]}")
    for number, wired in enumerate(building.hardware):
        lines += [
            "[[doors]]", f'id = "{wired.door}"', f'lock = {{ board = "relay-1", channel = {number} }}', 'fail = "secure"',
            'relock_by = "board"', 'egress = "mechanical"',
            f'contact = {{ board = "relay-1", input = {number}, active = "open" }}',
            f'rex = {{ board = "relay-1", input = {number + 4}, active = "closed" }}',
            f"fire_zones = {_toml(list(wired.fire_zones))}",
        ]  # fmt: skip
    for number, point in enumerate(building.site.access_points):
        lines += [
            "[[readers]]", f'id = "{point.id}"', f'access_point = "{point.id}"', 'driver = "pn532"',
            f'port = "@DEV@/{point.id}"', 'credentials = ["desfire"]', f'green = {{ board = "relay-2", channel = {number} }}',
        ]  # fmt: skip
    zones = sorted({zone for wired in building.hardware for zone in wired.fire_zones})
    for number, zone in enumerate(zones):
        lines += ["[[fire]]", f'zone = "{zone}"', f'input = {{ board = "relay-2", input = {number}, active = "open" }}']
    return "\n".join(lines) + "\n"
