"""The command ``menjin bench``: each name runs its own bench, and a demand that is missed is an exit code."""

import json

import pytest
import typer
from typer.testing import CliRunner

from sim.bench import cli, quota
from sim.bench.figures import BenchFailed, Figure, Report


def asked(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    app = typer.Typer()
    app.command()(cli.bench)
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("name", cli.BENCHES)
def test_each_name_runs_the_bench_of_that_name(name: str) -> None:
    assert cli._bench(name).__module__ == f"sim.bench.{name}"


@pytest.mark.parametrize(("granted", "code"), [(2, 0), (3, 1)])
def test_a_missed_demand_is_exit_code_1_and_stands_in_the_json_line(
    granted: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = Figure("granted", granted, "", "= 2", granted == 2)
    monkeypatch.setattr(quota, "run", lambda: Report("quota", (figure,)))
    exit_code, out, err = asked("quota", "--json")
    assert exit_code == code
    assert json.loads(out)["ok"] is (code == 0)
    assert json.loads(out)["benches"][0]["figures"][0]["value"] == granted
    assert ("missed" in err) is (code == 1)


def test_a_bench_that_cannot_be_run_says_why_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Report:
        raise BenchFailed("SQLite: 503 uploads_busy")

    monkeypatch.setattr(quota, "run", fails)
    exit_code, out, err = asked("quota", "--json")
    assert (exit_code, out) == (1, "")
    assert "menjin bench quota: SQLite: 503 uploads_busy" in err


def test_an_unknown_name_is_exit_code_2_and_names_the_benches() -> None:
    exit_code, _, err = asked("quotas")
    assert exit_code == 2
    assert "no bench 'quotas'; there are decide" in err
