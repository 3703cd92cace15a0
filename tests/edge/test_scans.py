"""From a scanner's thread to the engine's input: what a text stands for, what is kept of it, when a scanner counts as broken."""

import hashlib
import logging
import threading

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.codes import ALPHABET, CANCEL, MAX_SCAN_BYTES, document_code
from controller.events import AlarmCleared, AlarmRaised
from controller.goods_events import EquipmentRefused, ItemsMoved
from controller.inputs import (
    AnyInput,
    DeviceFaulted,
    DeviceRecovered,
    DocumentScanned,
    ItemScanned,
    ScanCancelled,
    ScanRefused,
)
from controller.policy import ExitSlip, Item, Line, credential_key
from edge.config import ScannerLine
from edge.ports import DeviceChanged, InputChanged, ScanFailed, Scanned, Stimulus
from edge.scan_points import ScanPoints
from edge.scanning import scanner_thread
from edge.stimuli import inputs_of
from readers.reader import Presentation, ReaderFault
from sim.day import first_policy
from tests.edge.agent_rig import SITE, AgentRig

LINE = ScannerLine(id="scanner-1", access_point="goods-out", driver="serial-scanner", port="/dev/none")
KEY = bytes(range(32))
SLIP = document_code("slip", "K7Q2M9X4TFB8H")
ORDER = document_code("order", "0123456789ABC")


def one(text: str) -> AnyInput:
    (found,) = inputs_of(Scanned("goods-out", text, 77), KEY)
    return found


@pytest.mark.parametrize(("code", "document"), [(SLIP, "slip"), (ORDER, "order")])
@pytest.mark.parametrize("written", [str, str.lower, lambda code: code[:9] + code[10:], lambda code: f" {code} "])
def test_a_documents_code_becomes_its_keyed_hash_however_it_is_written(
    code: str, document: str, written: object
) -> None:
    found = one(written(code))  # type: ignore[operator]
    assert found == DocumentScanned("goods-out", document, credential_key(KEY, document, code), 77)  # type: ignore[arg-type]


def test_a_wrong_check_character_is_told_as_such_and_without_the_text() -> None:
    wrong = SLIP[:-1] + ("0" if SLIP[-1] != "0" else "1")
    assert one(wrong) == ScanRefused("goods-out", "check", len(wrong), 77)


def test_a_drives_serial_number_that_happens_to_check_is_a_device() -> None:
    """15 characters, an S first: but for the hyphens one in 36 of them is a slip's code."""
    serial = SLIP.replace("-", "")
    assert one(serial) == ItemScanned("goods-out", serial, 77)


def test_the_control_code_cancels() -> None:
    assert one(CANCEL) == one(CANCEL.lower()) == ScanCancelled("goods-out", 77)


@pytest.mark.parametrize("text", ["sn 00017", "SN00017", " sn00017 "])
def test_anything_else_is_a_device_by_its_serial_key(text: str) -> None:
    assert one(text) == ItemScanned("goods-out", "SN00017", 77)


def test_a_text_of_nothing_is_noise() -> None:
    assert one("  ") == ScanRefused("goods-out", "noise", 2, 77)


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=MAX_SCAN_BYTES))
def test_any_scan_is_one_input_with_the_time_at_the_scanner(text: str) -> None:
    found = one(text)
    assert isinstance(found, DocumentScanned | ItemScanned | ScanRefused | ScanCancelled)
    assert (found.access_point, found.read_at_mono_us) == ("goods-out", 77)


@given(chance=st.text(ALPHABET, min_size=13, max_size=13))
@settings(max_examples=30, deadline=None)
def test_no_code_of_a_document_passes_for_a_device(chance: str) -> None:
    assert isinstance(one(document_code("slip", chance)), DocumentScanned)


@pytest.mark.parametrize("cause", ["noise", "too_long", "half"])
def test_what_is_no_code_is_told_by_its_length(cause: str) -> None:
    assert list(inputs_of(ScanFailed("goods-out", cause, 4096, 77), KEY)) == [
        ScanRefused("goods-out", cause, 4096, 77)  # type: ignore[arg-type]
    ]


class OneScan:
    """A scanner that reads a code, then noise, then breaks."""

    def __init__(self) -> None:
        self.polls = 0

    def open(self) -> None:
        pass

    def poll(self) -> Presentation | None:
        self.polls += 1
        if self.polls == 1:
            return Presentation("read", "barcode", SLIP, length=17)
        if self.polls == 2:
            return Presentation("too_long", "barcode", length=4096)
        raise ReaderFault("port gone; plug it in")

    def close(self) -> None:
        pass


def test_a_scan_becomes_a_stimulus_with_the_time_at_the_scanner_and_the_core_sets_the_limit() -> None:
    found: list[Stimulus] = []
    asked: list[object] = []
    enough = threading.Event()

    def post(stimulus: Stimulus) -> None:
        found.append(stimulus)
        if len(found) == 4:
            enough.set()

    def make(*arguments: object) -> OneScan:
        asked.append(arguments)
        return OneScan()

    thread = scanner_thread(LINE, post, lambda: 77, make)
    thread.start()
    assert enough.wait(5)
    assert thread.stop(5)
    assert asked == [("serial-scanner", "/dev/none", 9600, "auto", False, MAX_SCAN_BYTES)]
    assert found[:4] == [
        DeviceChanged("scanner-1", "scanner", True),
        Scanned("goods-out", SLIP, 77),
        ScanFailed("goods-out", "too_long", 4096, 77),
        DeviceChanged("scanner-1", "scanner", False, "port gone; plug it in"),
    ]


def test_an_access_point_is_broken_once_none_of_its_scanners_works() -> None:
    points = ScanPoints([("a", "goods-out"), ("b", "goods-out"), ("c", "goods-in")])
    device = "scanner:goods-out"
    assert points.take(DeviceChanged("a", "scanner", False, "gone")) == []  # b has not said yet
    assert points.take(DeviceChanged("b", "scanner", True)) == [DeviceRecovered(device, "scanner")]
    assert points.take(DeviceChanged("a", "scanner", True)) == []
    assert points.take(DeviceChanged("b", "scanner", False, "gone")) == []
    assert points.take(DeviceChanged("a", "scanner", False, "noise")) == [DeviceFaulted(device, "scanner", "noise")]
    assert points.take(DeviceChanged("a", "scanner", False, "noise")) == []
    assert points.take(DeviceChanged("b", "scanner", True)) == [DeviceRecovered(device, "scanner")]
    assert points.take(DeviceChanged("c", "scanner", False, "x")) == [DeviceFaulted("scanner:goods-in", "scanner", "x")]


SCANNERS = (("scanner-1", "hall-out"), ("scanner-2", "hall-out"))
CARRIER = 1
"""A holder of the first customer."""


def goods_rig() -> AgentRig:
    """The hall's door is a goods door, with a scanner on its way out and one open slip of the first customer."""
    plain = first_policy(SITE)
    doors = tuple(msgspec.structs.replace(door, goods="out" if door.id == "hall-door" else "") for door in SITE.doors)
    key = hashlib.sha256(b"cards").digest()  # as MemoryIdentity's
    slip = ExitSlip(
        id=1,
        code=credential_key(key, "slip", SLIP),
        number="S-0001",
        kind="withdrawal",
        customer=1,
        edge="edge-1",
        binding=1,
        from_us=0,
        until_us=2**60,
        lines=(Line(1, "R750", 2, ("SN1", "SN2")),),
    )
    policy = msgspec.structs.replace(
        plain,
        site=msgspec.structs.replace(SITE, doors=doors),
        items=(Item(1, "SN1", "R750", 1), Item(2, "SN2", "R750", 1)),
        slips=(slip,),
    )
    return AgentRig(policy, scanners=SCANNERS)


def shown(rig: AgentRig) -> list[str]:
    """Patterns shown since this was asked last."""
    found = [asked.pattern for asked in rig.asked if asked.act == "indicate"]
    rig.asked.clear()
    return found


def scan(rig: AgentRig, text: str) -> None:
    rig.post(Scanned("hall-out", text, rig.now.mono_us))


def test_carrier_slip_and_devices_open_the_door_and_no_code_is_kept_anywhere(caplog: pytest.LogCaptureFixture) -> None:
    rig = goods_rig()
    with caplog.at_level(logging.DEBUG):
        rig.post(rig.card(CARRIER))
        rig.post(InputChanged("contact", "hall-door", True))
        rig.post(InputChanged("contact", "hall-door", False))
        rig.wait(20)
        rig.asked.clear()
        rig.post(rig.card(CARRIER, at="hall-out"))
        assert shown(rig) == ["pending"]
        scan(rig, SLIP.lower())
        scan(rig, "sn1")
        assert shown(rig) == ["accepted", "accepted"]
        rig.post(ScanFailed("hall-out", "noise", 9, rig.now.mono_us))
        scan(rig, "SN3")
        assert shown(rig) == ["denied", "denied"]
        scan(rig, "SN2")
        assert rig.unlocked() == ["hall-door"]
        rig.post(InputChanged("contact", "hall-door", True))
        rig.settle()
    assert [item.serial for item in rig.events(ItemsMoved)[-1].items] == ["SN1", "SN2"]
    sent = rig.node.journal.content + msgspec.json.encode(rig.server.status) + caplog.text.encode()
    assert SLIP.encode() not in sent
    assert SLIP[2:9].encode() not in sent


def test_a_scan_that_waited_too_long_is_late() -> None:
    rig = goods_rig()
    rig.post(Scanned("hall-out", SLIP, rig.now.mono_us - 3_000_000))
    assert rig.events(EquipmentRefused)[-1].because.reason == "LATE_READ"


def test_an_access_point_without_a_working_scanner_is_an_alarm_and_in_the_status_until_one_works() -> None:
    rig = goods_rig()
    for name, _ in SCANNERS:
        rig.post(DeviceChanged(name, "scanner", True))
    rig.post(DeviceChanged("scanner-1", "scanner", False, "/dev/s1: gone; check the cable"))
    rig.wait(2)
    rig.settle()
    assert rig.events(AlarmRaised) == []
    assert rig.server.status is not None
    assert rig.server.status.readers["scanner-1"] == "/dev/s1: gone; check the cable"
    assert rig.server.status.readers["scanner-2"] == "working"
    rig.post(DeviceChanged("scanner-2", "scanner", False, "/dev/s2: gone"))
    (alarm,) = rig.events(AlarmRaised)
    assert (alarm.alarm, alarm.subject) == ("READER_FAULT", "scanner:hall-out")
    rig.post(DeviceChanged("scanner-1", "scanner", True))
    assert [event.subject for event in rig.events(AlarmCleared)] == ["scanner:hall-out"]
