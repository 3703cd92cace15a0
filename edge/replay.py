"""``menjin replay``: recorded inputs decided again (docs/replay.md). Exit 0; 1 when recorded decisions do not come out again; 2 for bad
input, with one line."""

import datetime as dt
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from controller.fold import fold
from controller.index import PolicyIndex
from controller.now import SECOND_US
from controller.policy import Policy, PolicyError, decode_policy
from controller.policy_digest import policy_digest
from controller.reasons import remedy
from controller.site import DoorHardware, Site
from controller.site_checks import SiteError, check_site, parse_site, site_mismatch
from controller.state import State
from controller.what_if import Answer, Comparison, Difference, Doors, Each, Following, Recheck
from edge.clock import SystemClock
from edge.config import ConfigError, EdgeConfig, door_hardware, parse_config
from edge.recorded import Entry, RecordedFault, Recording, from_journal, from_ledger, is_database, stored_policy

MAX_LISTED = 10_000
"""Differences that are listed; the summary counts all."""
_BACK = re.compile(r"-(\d+(?:\.\d+)?)(s|m|min|h|d)")
_UNIT_S = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_NOTHING = "nothing was recorded in this time"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Question(msgspec.Struct, frozen=True):
    """What is asked: whose records, from when until when, under which policies."""

    doors: Doors
    recording: Recording
    from_us: int | None
    to_us: int | None
    notes: tuple[str, ...]


def replay(
    policy: Annotated[Path | None, typer.Option(metavar="NEW", help="A policy's snapshot, a policy.db, or a site file (TOML). None: check that the recorded decisions come out again.")] = None,
    from_: Annotated[str, typer.Option("--from", metavar="T", help="RFC 3339, or -2h; the beginning if not given.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="T", help="RFC 3339, or -2h; the end if not given. Itself not included.")] = "",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The edge's edge.toml: its journal, policy and doors.")] = None,
    journal: Annotated[Path | None, typer.Option(metavar="FILE", help="An edge's journal.db.")] = None,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="The server's export of one edge, JSON lines.")] = None,
    under: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A policy that was in force: snapshot or policy.db. May be repeated; else policy.db beside the journal.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--each", help="Follow the other history, or judge each decision from what was recorded before it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:  # fmt: skip
    """Decide recorded inputs again, under another policy or under their own."""
    try:
        loaded = _load_config(config)
        recording = _recording(loaded, journal, ledger)
        recorded = [_whole_policy(path) for path in under or _beside(loaded, journal)]
        other = _other_policy(policy, recorded) if policy is not None else None
        if other is None and not recorded:
            raise RecordedFault(
                "replay: the policy that was in force is needed; name its snapshot or policy.db with --under"
            )
        question = _question(loaded, recording, other or recorded[-1], from_, to)
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("replay", total=recording.count)
            entries = progress.track(recording.entries(), total=recording.count, task_id=task)
            if other is None:
                answer = _recheck(question, recorded, entries)
            else:
                answer = _what_if(question, other, entries, follow)
    except (RecordedFault, SiteError, ConfigError) as error:
        _refuse(str(error))
    except LookupError as error:  # the chain is whole, so its writer knew more than we do
        _refuse(
            f"replay: a record does not follow from those before it ({error!r}); replay with the menjin that wrote it"
        )
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
    else:
        _show(answer)
    if not answer["ok"]:
        raise typer.Exit(1)


def _what_if(question: Question, other: Policy, entries: Iterable[Entry], follow: bool) -> dict[str, Any]:
    state = question.recording.state
    index = PolicyIndex(other)
    comparison: Comparison | None = None
    listed: list[dict[str, Any]] = []
    pairs: dict[str, int] = {}
    inputs = decisions = differ = 0
    for entry in _until(question, entries):
        if comparison is None:
            if not _begins(question, entry):
                fold(state, entry.record)
                continue
            comparison = (Following if follow else Each)(question.doors, state, index)
        inputs += 1
        compared = comparison.take(entry.record)
        decisions += compared.decisions
        for difference in compared.differences:
            differ += 1
            pair = f"{_told(difference.recorded)} → {_told(difference.now)}"
            pairs[pair] = pairs.get(pair, 0) + 1
            if len(listed) < MAX_LISTED:
                listed.append(_difference(difference))
    notes = list(question.notes) + ([] if inputs else [_NOTHING])
    summary = {
        "inputs": inputs,
        "decisions": decisions,
        "same": decisions - differ,
        "different": differ,
        "by_reasons": dict(sorted(pairs.items(), key=lambda pair: -pair[1])),
    }
    policy = {"site": other.site.id, "version": [other.version.epoch, other.version.n], "digest": policy_digest(other)}
    kind = "follow" if follow else "each"
    return {
        "ok": True,
        "judged": kind,
        "policy": policy,
        "notes": notes,
        "differences": listed,
        "summary": summary,
    }


def _recheck(question: Question, policies: list[Policy], entries: Iterable[Entry]) -> dict[str, Any]:
    state: State = question.recording.state
    recheck: Recheck | None = None
    counts = {"same": 0, "differs": 0, "unchecked": 0}
    unknown: set[str] = set()
    differing: list[dict[str, Any]] = []
    for entry in _until(question, entries):
        if recheck is None:
            if not _begins(question, entry):
                fold(state, entry.record)
                continue
            indexes = [PolicyIndex(policy) for policy in policies]
            recheck = Recheck(question.doors, state, indexes, [policy_digest(policy) for policy in policies])
        verdict = recheck.take(entry.record, entry.encoded)
        counts[verdict] += 1
        version = entry.record.policy_version
        if verdict == "unchecked" and version is not None:
            unknown.add(f"{version.epoch}.{version.n}")
        if verdict == "differs" and len(differing) < MAX_LISTED:
            kind = type(entry.record.input).__name__
            differing.append({"seq": entry.record.seq, "at": _rfc3339(entry.record.at_us), "input": kind})
    notes = list(question.notes) + ([] if any(counts.values()) else [_NOTHING])
    if unknown:
        some = ", ".join(sorted(unknown)[:5]) + (" …" if len(unknown) > 5 else "")
        notes.append(
            f"{counts['unchecked']} records were not checked: their policies ({some}) are not at hand; name them with --under"
        )
    summary = {
        "inputs": sum(counts.values()),
        "same": counts["same"],
        "different": counts["differs"],
        "unchecked": counts["unchecked"],
    }
    return {
        "ok": not counts["differs"],
        "judged": "recheck",
        "notes": notes,
        "differences": differing,
        "summary": summary,
    }


def _until(question: Question, entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if question.to_us is not None and entry.record.at_us >= question.to_us:
            return
        yield entry


def _begins(question: Question, entry: Entry) -> bool:
    return question.from_us is None or entry.record.at_us >= question.from_us


# what is asked


def _question(config: EdgeConfig | None, recording: Recording, policy: Policy, from_: str, to: str) -> Question:
    now_us = SystemClock("always").now().wall_us
    from_us, to_us = (_time(text, now_us) if text else None for text in (from_, to))
    notes = []
    if recording.before_us:
        if from_us is not None and from_us < recording.before_us:
            raise RecordedFault(
                f"--from {from_}: what was known then is purged here; give {_rfc3339(recording.before_us)} or later, or take the server's export"
            )
        notes.append(f"begins with record {recording.first_seq}: what was before is purged here")
    site = policy.site
    if config is not None:
        mismatches = site_mismatch(site, door_hardware(config), config.edge)
        if mismatches:
            raise RecordedFault(f"policy {policy.version.epoch}.{policy.version.n}: {mismatches[0]}")
        doors = Doors(recording.journal_id, door_hardware(config), config.edge, config.desk)
    else:
        edges = {door.edge for door in site.doors if door.edge}
        doors = Doors(
            recording.journal_id,
            tuple(DoorHardware(door.id) for door in site.doors),
            edges.pop() if len(edges) == 1 else "edge",
        )
        notes.append(
            "doors are taken as the policy names them, without fire zones; --config edge.toml tells how they are wired"
        )
    return Question(doors, recording, from_us, to_us, tuple(notes))


def _load_config(path: Path | None) -> EdgeConfig | None:
    if path is None:
        return None
    try:
        config = parse_config(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise RecordedFault(f"{path}: cannot be read; name an edge.toml with --config") from error
    return msgspec.structs.replace(config, state_dir=str(path.resolve().parent / config.state_dir))


def _recording(config: EdgeConfig | None, journal: Path | None, ledger: Path | None) -> Recording:
    if journal is not None and ledger is not None:
        raise RecordedFault("replay: --journal and --ledger are two histories; give one")
    if ledger is not None:
        return from_ledger(ledger)
    if journal is None and config is not None:
        journal = config.journal_path
    if journal is None:
        raise RecordedFault(
            "replay: nothing to replay; give --config edge.toml, --journal journal.db or --ledger export.jsonl"
        )
    return from_journal(journal)


def _beside(config: EdgeConfig | None, journal: Path | None) -> list[Path]:
    beside = (
        journal.with_name("policy.db") if journal is not None else config.policy_path if config is not None else None
    )
    return [beside] if beside is not None and beside.exists() else []


def _whole_policy(path: Path) -> Policy:
    if is_database(path):
        return stored_policy(path)
    try:
        return decode_policy(path.read_bytes())
    except PolicyError as error:
        raise RecordedFault(f"{path}: {error}; name a snapshot, a policy.db or a site file") from error


def _other_policy(path: Path, recorded: list[Policy]) -> Policy:
    if not is_database(path) and _is_toml(path):
        if not recorded:
            raise RecordedFault(
                f"{path}: a site file says nothing of badges; name the policy that was in force with --under"
            )
        try:
            site = parse_site(path.read_text(encoding="utf-8"), str(path))
        except UnicodeDecodeError as error:
            raise RecordedFault(f"{path}: is not UTF-8 text; name a snapshot, a policy.db or a site file") from error
        policy = msgspec.structs.replace(recorded[-1], site=site)
    else:
        policy = _whole_policy(path)
    _usable(path, policy.site)
    return policy


def _usable(path: Path, site: Site) -> None:
    for fault in check_site(site):
        raise RecordedFault(f"{path}: {fault}")


def _is_toml(path: Path) -> bool:
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return path.suffix == ".toml"
    return True


def _time(text: str, now_us: int) -> int:
    """Microseconds of ``2026-11-21T08:00:00Z`` or ``-2h``. Raises :class:`RecordedFault`."""
    back = _BACK.fullmatch(text)
    if back is not None:
        return now_us - round(float(back[1]) * _UNIT_S[back[2]] * SECOND_US)
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise RecordedFault(f"{text!r} is no time; write it like 2026-11-21T08:00:00Z or -2h")
    return (found - _EPOCH) // dt.timedelta(microseconds=1)


def _rfc3339(at_us: int) -> str:
    return (_EPOCH + dt.timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")


# what is answered


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "seq": difference.seq,
        "at": _rfc3339(difference.at_us),
        "access_point": difference.access_point,
        "badge": difference.number,
        "recorded": _answer(difference.recorded),
        "now": _answer(difference.now),
    }


def _answer(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    because = answer.because
    shown: dict[str, Any] = {"decision": answer.decision}
    if because is not None:
        shown |= {"reason": because.reason, "rule": because.rule, "inputs": because.inputs}
        shown |= {"remedy_zh": remedy(because, "zh-CN"), "remedy_en": remedy(because)}
    return shown


def _told(answer: Answer | None) -> str:
    if answer is None:
        return "–"
    return f"{answer.decision} {answer.because.reason}" if answer.because is not None else answer.decision


def _show(answer: dict[str, Any]) -> None:
    for one in answer["differences"]:
        if answer["judged"] == "recheck":
            typer.echo(f"{one['at']}  record {one['seq']}  {one['input']}: another record would be written")
            continue
        typer.echo(f"{one['at']}  {one['access_point']}  {one['badge'] or '–'}  record {one['seq']}")
        for name in ("recorded", "now"):
            was = one[name] or {"decision": "–"}
            sentence = f"  {was['remedy_zh']} {was['remedy_en']}" if "remedy_en" in was else ""
            typer.echo(f"  {name:9}{was['decision']:9}{was.get('reason', '')} {was.get('rule', '')}{sentence}")
    summary = answer["summary"]
    for note in answer["notes"]:
        typer.echo(f"note: {note}")
    typer.echo(", ".join(f"{name} {count}" for name, count in summary.items() if isinstance(count, int)))
    for pair, count in summary.get("by_reasons", {}).items():
        typer.echo(f"  {count:6}  {pair}")


def _refuse(line: str) -> NoReturn:
    print(" ".join(line.split()), file=sys.stderr)  # noqa: T201
    raise typer.Exit(2)
