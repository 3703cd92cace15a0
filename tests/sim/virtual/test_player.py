"""The virtual player: exact times, what it refuses, what fails, and how that is told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.play import ScenarioResult
from sim.scenario_file import parse
from sim.virtual.needs import needs_processes
from sim.virtual.play import play_virtually

GIVEN = """\
name: x
time: virtual
given:
  customers: [{code: C001, kind: organisation, name: A, contract: {from: -30d, to: +365d}, areas: [lobby, goods]}]
  holders: [{id: li, customer: C001, name: B}, {id: guo, staff: true, name: C, areas: [lobby]}, {id: xu, name: D}]
  badges: [{id: b-li, holder: li, number: M1, to: +1h}, {id: b-guo, holder: guo, number: S1}]
  permits: [{id: V1, holder: xu, areas: [lobby], number: T1}]
steps:
"""
BUNDLED = Path(__file__).parents[3] / "scenarios"


def play(steps: str, given: str = GIVEN) -> ScenarioResult:
    return play_virtually(parse(given + steps, "x.yaml"))


def holds(steps: str) -> None:
    result = play(steps)
    assert result.ok, [result.error, *(step.problems for step in result.steps)]


def problem_of(steps: str) -> str:
    """What the last step is found to do wrong; all before it hold."""
    result = play(steps)
    assert not result.ok
    assert [step.problems for step in result.steps[:-1] if step.problems] == []
    (problem,) = result.steps[-1].problems
    return problem


def test_a_limit_is_kept_to_the_microsecond() -> None:
    holds("""\
  - tap: {badge: b-li, at: lobby-in}
  - wait: 4.999999s
  - expect: {locked: [hall-door, goods-door]}
  - pass: {door: lobby-door}
    expect: {occupancy: {lobby: 1}}
""")
    holds("""\
  - tap: {badge: b-li, at: lobby-in}
  - wait: 5s
  - expect: {locked: [lobby-door]}
  - pass: {door: lobby-door}
    expect: {occupancy: {lobby: 0}}
""")


def test_a_validity_ends_exactly_when_it_is_said_to() -> None:
    holds("""\
  - wait: 3599.999s
  - tap: {badge: b-li, at: lobby-in}
    expect: {decision: granted}
  - wait: 1ms
  - tap: {badge: b-li, at: goods-in}
    expect: {decision: denied, reason: BADGE_EXPIRED}
""")


def test_exact_times_are_not_awaited() -> None:
    assert problem_of("""\
  - tap: {badge: b-li, at: lobby-in}
  - expect: {locked: [lobby-door]}
""").startswith("locked: expected ('lobby-door',)")


def test_what_is_not_exact_is_awaited() -> None:
    text = (GIVEN + "  - tap: {badge: b-li, at: lobby-in}\n  - expect: {locked: [lobby-door]}\n").replace(
        "time: virtual\n", ""
    )
    text = text.replace("  permits: [{id: V1, holder: xu, areas: [lobby], number: T1}]\n", "")
    assert play_virtually(parse(text, "x.yaml")).ok


def test_a_second_tap_of_the_same_badge_is_another_read_unless_the_file_times_it() -> None:
    holds("""\
  - tap: {badge: b-li, at: lobby-in}
  - tap: {badge: b-li, at: lobby-in}
    expect: {decision: granted}
  - wait: 999ms
  - tap: {badge: b-li, at: lobby-in}
    expect: {decision: none}
""")


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("  - tap: {badge: b-wu, at: lobby-in}\n", "no badge or card 'b-wu'"),
        ("  - tap: {badge: b-li, at: attic-in}\n", "no access point 'attic-in'"),
        ("  - pass: {door: attic-door}\n", "no access point leads in"),
        ("  - rex: attic-door\n", "no door 'attic-door'"),
        ("  - door: {prop: hall-door}\n", "is locked"),
        ("  - unplug: toaster\n", "no device 'toaster'"),
        ("  - tap: {badge: b-li, at: lobby-in}\n    expect: {decision: denied}\n", "decision: expected 'denied'"),
        ("  - tap: {badge: b-li, at: lobby-in}\n    expect: {granted: []}\n", "granted: expected ()"),
        ("  - tap: {badge: b-li, at: lobby-in}\n    expect: {events: [DoorClosed]}\n", "events: expected"),
        ("  - fire: z1\n    expect: {alarm: GAS}\n", "alarm: expected 'GAS'"),
        (
            "  - cut: mqtt\n  - command: {name: Identify, fields: {access_point: lobby-in}}\n    expect: {result: done}\n",
            "no_session",
        ),
        ("  - expect: {register: [{badge: b-li}]}\n", "register: expected 1 rows, found 0"),
        ("  - expect: {waiting: {hall-in: [b-li]}}\n", "waiting: expected"),
        ("  - expect: {lockdowns: [hall]}\n", "lockdowns: expected"),
        ("  - expect: {uncertain: [lobby]}\n", "uncertain: expected"),
        ("  - expect: {occupancy: {lobby: [1, 1]}}\n", "occupancy: expected"),
    ],
)
def test_what_does_not_hold_is_told(steps: str, problem: str) -> None:
    assert problem in problem_of(steps)


def test_the_register_names_who_went_where() -> None:
    holds("""\
  - tap: {badge: b-guo, at: lobby-in}
  - pass: {door: lobby-door}
  - tap: {badge: b-guo, at: lobby-out}
  - pass: {door: lobby-door, out: true}
  - expect: {register: [{badge: b-guo, at: lobby-in, from: outside, to: lobby, with: []}, {number: S1, to: outside}]}
""")
    assert "row 1" in problem_of("""\
  - tap: {badge: b-guo, at: lobby-in}
  - pass: {door: lobby-door}
  - expect: {register: [{badge: b-guo, to: hall}]}
""")


@pytest.mark.parametrize(
    ("steps", "line", "named"),
    [
        ("  - contract: {id: C001, end: now}\n", 9, "contract needs the server"),
        ("  - badge: {id: b-li, report: returned}\n", 9, "badge: report needs the server"),
        ("  - kill: desk\n", 9, "desk"),
        ("  - tap: {badge: b-li, at: lobby-in}\n  - expect: {audited: x}\n", 10, "audited"),
    ],
)
def test_what_needs_processes_is_one_line(steps: str, line: int, named: str) -> None:
    why = needs_processes(parse(GIVEN + steps, "x.yaml"))
    assert why.startswith(f"x.yaml:{line}: ")
    assert named in why
    assert "\n" not in why


def test_the_command_line_plays_virtually_and_refuses_what_needs_the_server() -> None:
    run = CliRunner().invoke(app, ["run", "--virtual", "--json", str(BUNDLED / "network-dead.yaml")])
    assert run.exit_code == 0
    assert '"broker": "virtual"' in run.stdout
    refused = CliRunner().invoke(
        app, ["run", "--virtual", str(BUNDLED / "b5-a-holder-leaves-and-a-badge-passes-on.yaml")]
    )
    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert "needs the server" in refused.stderr


def test_a_file_whose_times_are_exact_is_played_virtually_without_being_asked(tmp_path: Path) -> None:
    file = tmp_path / "exact.yaml"
    file.write_text(GIVEN + "  - wait: 6h\n", encoding="utf-8")
    run = CliRunner().invoke(app, ["run", "--json", str(file)])
    assert run.exit_code == 0
    assert '"broker": "virtual"' in run.stdout


def test_a_site_that_no_edge_takes_is_one_line() -> None:
    text = GIVEN.replace("time: virtual", "time: virtual\nrules: {goods-door: {edge: edge-9}}")
    result = play("  - wait: 1s\n", text)
    assert not result.ok
    assert "edge-9" in result.error
