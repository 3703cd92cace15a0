"""``menjin bench slip``: an exit slip's sheet set as a PDF. The server measures itself, in a process of its own: it is not imported here."""

import json
import subprocess

from sim.bench.figures import BenchFailed, Report, median, percentile, reaching, shown
from sim.stack import menjin

ROUNDS = 20
SHEET_MS = 500.0
COMMAND_TIMEOUT_S = 120.0


def run(rounds: int = ROUNDS) -> Report:
    """The first of a process, those after it, and a long one."""
    command = menjin("server", "bench-sheet", "--rounds", str(rounds))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BenchFailed(f"not done after {COMMAND_TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        raise BenchFailed(done.stderr.strip())
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    sheets_ms = [float(value) for value in measured["sheets_ms"]]
    return Report(
        "slip",
        (
            reaching("the first sheet of a process", float(measured["first_ms"]), "ms", "<=", SHEET_MS),
            reaching("a sheet of 20 devices", median(sheets_ms), "ms", "<=", SHEET_MS),
            shown("a sheet of 20 devices: 90th percentile", percentile(sheets_ms, 90), "ms"),
            reaching("a sheet of 500 devices", float(measured["long_ms"]), "ms", "<=", SHEET_MS),
            shown("size of the PDF", float(measured["size"]), "bytes"),
        ),
        "code, QR, carriers, lines in two languages; what the database and the audit entry cost is not in it",
    )
