"""``menjin server bench-sheet``: how long it takes to set an exit slip's sheet."""

from collections.abc import Callable

import msgspec

from controller.codes import document_code
from server.equipment.sheet import Sheet, print_sheet

DEVICES = 20
LONG = 500


class Measured(msgspec.Struct, frozen=True):
    """``first_ms``: the first sheet of a process, fonts looked for; ``sheets_ms``: those after it; ``long_ms``: one of :data:`LONG` devices; sizes in bytes."""

    first_ms: float
    sheets_ms: list[float]
    long_ms: float
    size: int
    long_size: int


def measure(rounds: int, seconds: Callable[[], float]) -> Measured:
    """``seconds``: a clock that never goes back."""
    first_ms, page = _timed(sheet_of(DEVICES), seconds)
    sheets_ms = [_timed(sheet_of(DEVICES), seconds)[0] for _ in range(rounds)]
    long_ms, long_page = _timed(sheet_of(LONG), seconds)
    return Measured(first_ms, sheets_ms, long_ms, len(page), len(long_page))


def sheet_of(devices: int) -> Sheet:
    """A slip of so many devices, one to a line."""
    return Sheet(
        document="slip",
        number="S-20261122-0003",
        code=document_code("slip", "K7Q2M9X4TFB8H"),
        site="华东一号 · East One",
        facts=tuple((f"事项 Fact {n}", "上海市浦东新区机房设备搬迁 relocation") for n in range(7)),
        people_head=("携带人 Carrier", "证件号码 ID number"),
        people_widths=(1, 1),
        people=(("李娜", "3101**********1237"), ("王伟", "3101**********1218")),
        head=("序 No.", "型号 Model", "数量 Qty", "序列号 Serial numbers"),
        widths=(1, 4, 1, 7),
        lines=tuple((str(n), "PowerEdge R750", "1", f"SN-{n:06d}-CN0F9N") for n in range(1, devices + 1)),
        signatures=("携带人签字 Carrier", "值班人员签字 Guard", "签发人签字 Issued by"),
        marks=(("查验 Inspected", "王强"), ("批准 Approved", "赵主管")),
        printed="打印 printed 2026-11-22 09:00 · 张三",
    )


def _timed(sheet: Sheet, seconds: Callable[[], float]) -> tuple[float, bytes]:
    begin = seconds()
    page = print_sheet(sheet)
    return (seconds() - begin) * 1_000, page
