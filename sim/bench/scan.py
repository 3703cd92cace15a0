"""``menjin bench scan``: how long an edge with a full inventory takes from a device's scan to the light at the scanner."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from controller.codes import CANCEL, document_code
from controller.policy import ExitSlip, Item, Line, Policy, credential_key
from sim.bench.figures import BenchFailed, Figure, Report, median, percentile, reaching, shown
from sim.bench.population import DAY_US, HASH_KEY, NOON_US, BenchTap, make_policy
from sim.bench.two_doors import EDGE, TwoDoors
from sim.clients import HttpClient
from sim.waiting import pause

BADGES = 10_000
SLIPS = 10_000
DEVICES_OF_A_SLIP = 10
SCANS = 200
SCANNED_OF_A_SLIP = DEVICES_OF_A_SLIP - 1
"""The last device would open the door."""
WARM_UP = SCANNED_OF_A_SLIP
BACKLOG = 1_000
SITE = Path(__file__).parent / "goods_door"
ACCESS_POINT = "out-0"
POLL_PERIOD_S = 0.05
"""The board's inputs are read this often; the scans are spread over it."""
GOLDEN = 0.618_034
ANSWER_S = 3.0
GREEN = ("accepted", "granted")
"""How the hall reads a green flash: one that a busy machine's emulation draws out is the longer of the two."""


def run() -> Report:
    """:data:`SCANS` devices on slips of as many as it takes, with :data:`SLIPS` open slips and ten times as many devices in the inventory."""
    return Report(
        "scan",
        tuple(scan_figures(BADGES, SLIPS, SCANS)),
        "scanner emulated at 9600, Modbus board at 115200; hall and edge are two processes, no broker answers",
    )


def scan_figures(badges: int, slips: int, scans: int) -> list[Figure]:
    """``scans`` accepted devices, one after the other."""
    policy = goods_policy(badges, slips)
    checks = -(-(scans + WARM_UP) // SCANNED_OF_A_SLIP)
    chosen = list(_slips_with_carriers(policy, checks))
    came_in = [BenchTap(badge, 0) for _, badge in chosen]
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        door = TwoDoors(Path(folder), badges, BACKLOG, SITE, policy, came_in)
        door.prepare()
        try:
            answers = _scan(door, chosen)[WARM_UP : WARM_UP + scans]
        finally:
            door.stop()
    ours = [answer["edge_ms"] for answer in answers]
    return [
        reaching("scan: our share p99", percentile(ours, 99), "ms", "<=", 10),
        shown("scan: our share p50", median(ours), "ms"),
        shown("scan: the code on the wire p50", median([answer["scan_ms"] for answer in answers]), "ms"),
        shown("scan: the lamp's command on the wire p50", median([answer["wire_ms"] for answer in answers]), "ms"),
    ]


def goods_policy(badges: int, slips: int) -> Policy:
    """The population, its first door a goods door, ``slips`` open slips over the customers in turn with ten devices each in the inventory."""
    plain = make_policy(badges)
    first, *doors = plain.site.doors
    customers = badges // 2
    return msgspec.structs.replace(
        plain,
        site=msgspec.structs.replace(plain.site, doors=(msgspec.structs.replace(first, goods="out"), *doors)),
        items=tuple(
            Item(device, serial_of(device), f"R{device % 40}", (device - 1) // DEVICES_OF_A_SLIP % customers + 1)
            for device in range(1, slips * DEVICES_OF_A_SLIP + 1)
        ),
        slips=tuple(_slip(number, (number - 1) % customers + 1) for number in range(1, slips + 1)),
    )


def serial_of(device: int) -> str:
    return f"SN{device:010}"


def code_of(slip: int) -> str:
    """What is printed on a slip."""
    return document_code("slip", f"{slip:013}")


def devices_of(slip: int) -> range:
    return range((slip - 1) * DEVICES_OF_A_SLIP + 1, slip * DEVICES_OF_A_SLIP + 1)


def _slip(number: int, customer: int) -> ExitSlip:
    return ExitSlip(
        id=number,
        code=credential_key(HASH_KEY, "slip", code_of(number)),
        number=f"S-{number:06}",
        kind="withdrawal",
        customer=customer,
        edge=EDGE,
        binding=1,
        from_us=NOON_US - DAY_US,
        until_us=NOON_US + DAY_US,
        lines=tuple(Line(device, f"R{device % 40}", 1, (serial_of(device),)) for device in devices_of(number)),
    )


def _slips_with_carriers(policy: Policy, count: int) -> Iterator[tuple[int, int]]:
    """``count`` slips over all, each with a badge of its customer that may enter the goods room: every other customer has one."""
    step = max(2, len(policy.slips) // count // 2 * 2)
    for turn in range(count):
        slip = policy.slips[turn * step + 1]
        assert slip.customer is not None
        yield slip.id, slip.customer * 2 - 1


def _scan(door: TwoDoors, chosen: list[tuple[int, int]]) -> list[dict[str, Any]]:
    hall = door.start_hall()
    door.make_cards([badge for _, badge in chosen])
    door.edge.start()
    answers: list[dict[str, Any]] = []
    for slip, badge in chosen:
        hall.post("/present", {"card": f"b{badge}", "reader": ACCESS_POINT, "hold_s": 10, "wait_s": ANSWER_S})
        hall.post("/remove", {"reader": ACCESS_POINT})
        _accepted(door, hall, code_of(slip))
        for device in devices_of(slip)[:SCANNED_OF_A_SLIP]:
            pause(POLL_PERIOD_S * (len(answers) * GOLDEN % 1))
            answers.append(_accepted(door, hall, serial_of(device)))
        hall.post("/scan", {"access_point": ACCESS_POINT, "text": CANCEL, "wait_s": ANSWER_S})
    return answers


def _accepted(door: TwoDoors, hall: HttpClient, text: str) -> dict[str, Any]:
    body = {"access_point": ACCESS_POINT, "text": text, "timed": True, "wait_s": ANSWER_S}
    answer: dict[str, Any] = hall.post("/scan", body)
    if answer["indicator"] not in GREEN or "edge_ms" not in answer:
        raise BenchFailed(f"the scan of {text} was lost or refused: {answer}; edge:\n{door.edge.log_tail()}")
    return answer
