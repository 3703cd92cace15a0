"""The papers of an application, drawn: a photo with a face on it, an ID document's copy, letters. No two people look the same."""

import hashlib
import struct
import zlib
from collections.abc import Callable

WIDTH, HEIGHT = 120, 160
"""Of the photo, in dots."""
SCALE = 3
"""Pixels a dot is wide and high."""
CARD_WIDTH, CARD_HEIGHT = 160, 100
LETTERS = {
    "letter": "Letter of introduction",
    "loss_letter": "Statement of loss",
}

Colour = tuple[int, int, int]
INK: Colour = (40, 40, 48)


def document(part: str, of: str) -> tuple[bytes, str]:
    """(content, media type) of an application's ``part`` for the person called ``of``; nobody's name stands in it."""
    if part == "photo":
        return portrait(of), "image/png"
    if part == "id_copy":
        return id_card(of), "image/png"
    return letter(LETTERS[part]), "application/pdf"


def portrait(of: str) -> bytes:
    """A PNG of a head before a wall, its colours and proportions made from ``of``."""
    chance = hashlib.sha256(of.encode()).digest()
    skin: Colour = (200 + chance[0] % 40, 160 + chance[1] % 40, 130 + chance[2] % 40)
    hair: Colour = (20 + chance[3] % 60, 15 + chance[4] % 40, 10 + chance[5] % 30)
    shirt: Colour = (chance[6] % 160, chance[7] % 160, 90 + chance[8] % 160)
    wall: Colour = (214, 224, 236)
    width, height = 27 + chance[9] % 6, 36 + chance[10] % 6

    def pixel(x: int, y: int) -> Colour:
        across, down = x - WIDTH / 2, y - 72
        face = (across / width) ** 2 + (down / height) ** 2
        if face <= 1:
            if (abs(across) - 11) ** 2 + (down + 6) ** 2 < 9 or (abs(across) < 10 and abs(down - 18) < 2):
                return INK
            return hair if down < -16 else skin
        if (across / (width + 6)) ** 2 + ((down + 8) / height) ** 2 <= 1 and down < 4:
            return hair
        if (across / 48) ** 2 + ((y - HEIGHT) / 46) ** 2 <= 1:
            return shirt
        return skin if abs(across) < 11 and 100 < y < 128 else wall

    return png(WIDTH, HEIGHT, pixel)


def id_card(of: str) -> bytes:
    """A PNG of a card with lines of print and a grey picture on it."""
    chance = hashlib.sha256(b"id" + of.encode()).digest()

    def pixel(x: int, y: int) -> Colour:
        if 110 < x < 150 and 18 < y < 74:
            return (170, 170, 176)
        row = y // 14
        if 10 < x < 30 + chance[row % 32] % 70 and y % 14 in (6, 7) and 0 < row < 7:
            return INK
        return (236, 240, 232)

    return png(CARD_WIDTH, CARD_HEIGHT, pixel)


def png(width: int, height: int, pixel: Callable[[int, int], Colour]) -> bytes:
    """A true-colour PNG, ``pixel(x, y)`` giving red, green and blue of each dot."""
    dots = (b"".join(bytes(pixel(x, y)) * SCALE for x in range(width)) for y in range(height))
    rows = b"".join((b"\x00" + row) * SCALE for row in dots)
    header = struct.pack(">IIBBBBB", width * SCALE, height * SCALE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def letter(title: str) -> bytes:
    """A PDF of one page with a title and a place for the seal."""
    text = f"BT /F1 20 Tf 72 700 Td ({title}) Tj ET 400 120 m 460 120 l 460 180 l 400 180 l h S".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    whole, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(whole))
        whole += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return whole + end % (len(objects) + 1, table, len(objects) + 1, len(whole))
