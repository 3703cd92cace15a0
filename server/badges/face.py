"""The badge to print: 85.6 × 54 mm, Chinese and English (B3). Everything stays in memory: the photo touches no disk."""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image

from server.typesetting import set_pages

TEMPLATE = Path(__file__).with_name("face.typ")
PHOTO_PIXELS = (600, 800)
"""Enough for 24 × 32 mm at 600 dpi."""
KINDS = {
    "customer": ("机房出入证", "Access badge"),
    "staff": ("员工出入证", "Staff badge"),
    "temporary": ("临时出入证", "Temporary badge"),
}


@dataclass(frozen=True)
class Face:
    """What is printed. ``until_at`` exclusive, None: as long as the contract lasts. ``photo``: a JPEG or PNG, None: a blank."""

    kind: str
    site: str
    company: str
    name: str
    number: str
    from_at: datetime
    until_at: datetime | None
    time_zone: str
    photo: bytes | None


def print_face(face: Face) -> bytes:
    """The PDF. Raises :class:`server.problems.Problem` 503 where the font is not installed."""
    kind_zh, kind_en = KINDS[face.kind]
    data: dict[str, Any] = {
        "kind": face.kind,
        "kind_zh": kind_zh,
        "kind_en": kind_en,
        "title": f"{kind_zh} {face.number}",
        "site": face.site,
        "company": face.company,
        "name": face.name,
        "number": face.number,
        "validity": validity(face.from_at, face.until_at, face.time_zone),
        "photo": list(_small(face.photo)) if face.photo is not None else None,
    }
    return set_pages(TEMPLATE, data)


def validity(from_at: datetime, until_at: datetime | None, time_zone: str) -> str:
    """Days at the site, both inclusive."""
    zone = ZoneInfo(time_zone)
    first = from_at.astimezone(zone).date()
    if until_at is None:
        return f"{first} – 合同期内 while the contract lasts"
    last = max((until_at - timedelta(microseconds=1)).astimezone(zone).date(), first)
    return f"{first} – {last}"


def _small(photo: bytes) -> bytes:
    made = io.BytesIO()
    with Image.open(io.BytesIO(photo), formats=["JPEG", "PNG"]) as image:
        image.draft("RGB", PHOTO_PIXELS)
        image.thumbnail(PHOTO_PIXELS)
        clear = image.convert("RGBA")
    plain = Image.new("RGB", clear.size, "white")
    plain.paste(clear, mask=clear.getchannel("A"))
    plain.save(made, "JPEG", quality=90)
    return made.getvalue()
