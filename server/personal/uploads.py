"""Files that people hand in: judged by their content, not by name or header, and made harmless (DESIGN 17).

- JPEG and PNG through Pillow, within a limit of pixels, and encoded anew: position and camera (EXIF), comments, and whatever hangs behind the
  picture stay out of our database.
- PDF through pypdf: it parses, has pages, is not encrypted, and carries no scripts, embedded files or actions that start something.

Anything that those libraries raise becomes the refusal.
"""

import io
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from PIL import Image, ImageOps
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, StreamObject

from server.personal.media_types import JPEG, PDF, PNG, found_type, words_for
from server.personal.models import ATTACHMENT_PARTS
from server.problems import Problem

MAX_PIXELS = {JPEG: 50_000_000, PNG: 25_000_000}
"""More is refused before it is decoded: decoding takes up to 6 bytes a pixel."""
MAX_SIDE = 3_000
"""Larger pictures are scaled down to this."""
MIN_PHOTO_SIDE = 200
JPEG_QUALITY = 90
MAX_PDF_PAGES = 20
MAX_PDF_OBJECTS = 20_000
MAX_PDF_DEPTH = 50
MAX_PDF_MENDED = 100
"""pypdf mends what it finds wrong and logs each time. A file made to be wrong everywhere would fill the log, and take it minutes."""
ACTIVE_KEYS = frozenset({"/JS", "/JavaScript", "/EF", "/EmbeddedFiles", "/RichMediaContent", "/XFA"})
ACTIVE_ACTIONS = frozenset(
    {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/GoToR", "/Rendition", "/RichMediaExecute"}
)
ACTIVE_WORDS = (b"/JavaScript", b"/Launch", b"/EmbeddedFile")
"""Looked for in the raw bytes as well: other programs may read a file's damaged parts differently."""


_mended: ContextVar[int] = ContextVar("mended", default=0)


class _Mending(logging.Handler):
    """Takes the place of pypdf's log: counts what was mended in this file, and ends the reading when it is too much."""

    def emit(self, _record: logging.LogRecord) -> None:
        """Raises ValueError, which goes through pypdf."""
        _mended.set(_mended.get() + 1)
        if _mended.get() > MAX_PDF_MENDED:
            raise ValueError("wrong in too many places")


_pypdf_log = logging.getLogger("pypdf")
_pypdf_log.addHandler(_Mending())
_pypdf_log.propagate = False


class CleanUpload(NamedTuple):
    """A file that may be kept: its true media type, and the bytes to keep."""

    media_type: str
    body: bytes


def check_upload(part: str, body: bytes, declared_media_type: str = "") -> str:
    """The media type of an acceptable file. Raises :class:`Problem` as :func:`clean_upload`."""
    return clean_upload(part, body, declared_media_type).media_type


def clean_upload(part: str, body: bytes, declared_media_type: str = "") -> CleanUpload:
    """The file for ``part`` as it may be kept. ``photo`` must be a picture; the other parts may be pictures or PDF.

    Raises :class:`Problem` 415 when it is no such file, 422 when it is one that cannot be accepted: each says what it is and what to do.
    """
    if part not in ATTACHMENT_PARTS:
        raise ValueError(f"no part {part!r}")
    media_type = found_type(body)
    accepted = (JPEG, PNG) if part == "photo" else (JPEG, PNG, PDF)
    if media_type not in accepted:
        raise _another_type(part, body, declared_media_type)
    clean = _clean_pdf if media_type == PDF else _clean_picture
    return CleanUpload(media_type, _guarded(lambda: clean(part, media_type, body), part, media_type))


def _guarded(clean: Callable[[], bytes], part: str, media_type: str) -> bytes:
    try:
        return clean()
    except Problem:
        raise
    except Exception as error:
        kind, kind_zh = words_for(media_type)
        raise _refused(
            part,
            "file_damaged",
            f"this {kind} is damaged or cut short: make it again",
            f"该{kind_zh}已损坏或不完整，请重新制作",
        ) from error


def _clean_picture(part: str, media_type: str, body: bytes) -> bytes:
    kind = "JPEG" if media_type == JPEG else "PNG"
    with Image.open(io.BytesIO(body), formats=[kind]) as checked:
        width, height = checked.size
        if width * height > MAX_PIXELS[media_type]:
            limit = MAX_PIXELS[media_type] // 1_000_000
            raise _refused(
                part,
                "image_too_large",
                f"the picture has {width} × {height} pixels, more than {limit} million: make it smaller",
                f"图片为 {width} × {height} 像素，超过 {limit} 百万像素，请缩小后再传",
            )
        if part == "photo" and min(width, height) < MIN_PHOTO_SIDE:
            raise _refused(
                part,
                "image_too_small",
                f"the photo has {width} × {height} pixels, at least {MIN_PHOTO_SIDE} × {MIN_PHOTO_SIDE} are needed",
                f"照片为 {width} × {height} 像素，至少需要 {MIN_PHOTO_SIDE} × {MIN_PHOTO_SIDE}",
            )
        checked.verify()
    with Image.open(io.BytesIO(body), formats=[kind]) as image:
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        upright = ImageOps.exif_transpose(image)
        has_alpha = kind == "PNG" and upright.has_transparency_data
        plain = upright.convert("RGBA" if has_alpha else "RGB")
    plain.info.clear()  # Pillow would write comments and profiles from here
    kept = io.BytesIO()
    if kind == "JPEG":
        plain.save(kept, "JPEG", quality=JPEG_QUALITY)
    else:
        plain.save(kept, "PNG")
    return kept.getvalue()


def _clean_pdf(part: str, _media_type: str, body: bytes) -> bytes:
    _mended.set(0)
    reader = PdfReader(io.BytesIO(body))
    if reader.is_encrypted:
        raise _refused(
            part, "pdf_encrypted", "the PDF is protected by a password: remove it", "PDF 设有密码，请先去除密码"
        )
    numbers = {(number, generation) for generation, found in reader.xref.items() for number in found}
    numbers |= {(number, 0) for number in reader.xref_objStm}
    pages = len(reader.pages) if len(numbers) <= MAX_PDF_OBJECTS else MAX_PDF_PAGES + 1
    if pages > MAX_PDF_PAGES:
        raise _refused(
            part,
            "pdf_too_large",
            f"the PDF has more than {MAX_PDF_PAGES} pages or {MAX_PDF_OBJECTS} objects: send only what was asked for",
            f"PDF 超过 {MAX_PDF_PAGES} 页或 {MAX_PDF_OBJECTS} 个对象，请只提交所需页面",
        )
    if pages < 1:
        raise _refused(part, "pdf_empty", "the PDF has no pages", "PDF 没有页面")
    for page in reader.pages:
        page.get_object()
    objects: list[Any] = [
        reader.get_object(IndirectObject(number, generation, reader)) for number, generation in numbers
    ]
    if any(word in body for word in ACTIVE_WORDS) or any(_is_active(found, 0) for found in [reader.trailer, *objects]):
        raise _refused(
            part,
            "pdf_active",
            "the PDF contains scripts, embedded files or actions: print it to a plain PDF",
            "PDF 含有脚本、嵌入文件或自动操作，请打印为普通 PDF 后再传",
        )
    return body


def _is_active(found: Any, depth: int) -> bool:
    """Whether an object holds something that acts, apart from what it refers to: every object is looked at anyway."""
    if depth > MAX_PDF_DEPTH:
        raise RecursionError
    if isinstance(found, DictionaryObject):  # StreamObject as well
        if any(key in ACTIVE_KEYS for key in found) or dict.get(found, "/S") in ACTIVE_ACTIONS:
            return True
        if isinstance(found, StreamObject) and dict.get(found, "/Type") == "/EmbeddedFile":
            return True
        return any(_is_active(found.raw_get(key), depth + 1) for key in found)
    if depth == 0 and isinstance(found, NameObject):  # an action's type as an object of its own
        return found in ACTIVE_ACTIONS
    if isinstance(found, ArrayObject):
        return any(_is_active(item, depth + 1) for item in list.__iter__(found))
    return False


def _another_type(part: str, body: bytes, declared: str) -> Problem:
    found, found_zh = words_for(found_type(body), body)
    wanted, wanted_zh = (
        ("a JPEG or PNG picture", "JPEG 或 PNG 图片")
        if part == "photo"
        else ("a JPEG or PNG picture or a PDF", "JPEG、PNG 图片或 PDF")
    )
    called = called_zh = ""
    if declared.startswith(("image/", "application/pdf")):
        called, called_zh = f", though it was sent as {declared[:60]}", f"（虽声明为 {declared[:60]}）"
    return Problem(
        415,
        "file_type_refused",
        f"{part}: this is {found}{called}; {wanted} is needed.",
        f"{part}：该文件是{found_zh}{called_zh}，需要 {wanted_zh}。",
        field=part,
    )


def _refused(part: str, code: str, text: str, text_zh: str) -> Problem:
    return Problem(422, code, f"{part}: {text}.", f"{part}：{text_zh}。", field=part)
