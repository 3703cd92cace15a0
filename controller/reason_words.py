"""What the codes in an explanation's inputs are called within its sentence, in zh-CN and English.

Names that a site gives (areas, doors, access points, schedules) are not here: whoever knows the site puts them in before.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Final

from controller.quota import BEYOND_QUOTA, CARD_OF_TWO, NO_SLOT, SUPERSEDED, TWICE

MOMENT: Final = "_us"
"""How an input's name ends that is a moment on the wall clock, in microseconds."""
_CODES: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "kind": {
        "customer": ("客户证", "customer"),
        "staff": ("员工证", "staff"),
        "temporary": ("临时证", "temporary"),
        "keyholder": ("持钥人", "keyholder"),
        "order": ("开工单", "work order"),
        "slip": ("出门条", "exit slip"),
    },
    "composition": {
        "same_customer": ("须为同一客户的人员", "persons of one customer"),
        "with_staff": ("须有本场员工同行", "own staff among them"),
    },
    "technology": {
        "desfire": ("DESFire", "DESFire"),
        "ultralight-c": ("Ultralight C", "Ultralight C"),
        "felica-lite-s": ("FeliCa Lite-S", "FeliCa Lite-S"),
        "uid": ("只有卡号", "identifier only"),
        "barcode": ("条码", "barcode"),
        "unknown": ("卡型不明", "kind unknown"),
    },
    "cause": {
        NO_SLOT: ("未占名额", "it holds no place"),
        BEYOND_QUOTA: ("超出名额", "its place is beyond the quota"),
        SUPERSEDED: ("名额已由新证使用", "a newer badge holds its place"),
        TWICE: ("两张证占用同一名额", "two badges hold one place"),
        CARD_OF_TWO: ("一张卡对应两张证", "one card is two badges"),
        "others": ("未持证人数不合理", "persons without a badge"),
        "badge_twice": ("重复填写出入证", "named twice is badge"),
        "person_twice": ("同一人的另一张证也已填写", "its person is named by another badge, too"),
        "devices": ("一次核对的设备过多", "too many devices for one check"),
        "noise": ("不是条码内容", "no code in it"),
        "too_long": ("内容过长", "too long"),
        "half": ("内容不完整", "only half of it came"),
        "check": ("校验位不符", "its check digit is wrong"),
    },
    "step": {
        "identify": ("识别卡片", "identifying the card"),
        "read": ("读取卡片", "reading it"),
        "card_key": ("写入主密钥", "the card's key"),
        "application": ("建立应用", "the application"),
        "application_key": ("写入应用密钥", "the application's key"),
        "read_key": ("写入读取密钥", "the key for reading"),
        "file": ("建立文件", "the file"),
        "block": ("写入编号", "writing the number"),
        "verify": ("回读校验", "reading it back"),
    },
}
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CALENDAR_US: Final = range(-62_135_596_800_000_000, 253_402_300_800_000_000)
"""The years 1 to 9999: "for ever" may be a number beyond."""


def in_words(inputs: Mapping[str, str | int], *, chinese: bool) -> dict[str, str | int]:
    """The inputs as the sentence says them. A code of a newer version stays as it is; a moment that nobody has put into the site's time is
    given in UTC, and one that no calendar has as its number."""
    said = dict(inputs)
    for name, value in inputs.items():
        if isinstance(value, str):
            found = _CODES.get(name, {}).get(value)
            if found is not None:
                said[name] = found[not chinese]
        elif name.endswith(MOMENT) and value in _CALENDAR_US:
            said[name] = (_EPOCH + dt.timedelta(microseconds=value)).strftime("%Y-%m-%d %H:%M UTC")
    return said
