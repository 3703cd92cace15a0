"""Files that are handed in: told by their content, and made harmless."""

import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from server.personal import uploads
from server.personal.uploads import check_upload, clean_upload
from server.problems import Problem
from tests.server.personal.conftest import pdf, picture


def refusal(part: str, body: bytes, declared: str = "") -> Problem:
    with pytest.raises(Problem) as refused:
        check_upload(part, body, declared)
    problem = refused.value
    assert problem.detail.startswith(f"{part}: ")
    assert problem.detail_zh.startswith(f"{part}：")
    assert problem.field == part
    return problem


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
@pytest.mark.parametrize("part", ["photo", "id_copy", "letter", "loss_letter"])
def test_a_picture_is_accepted_for_every_part(part: str, kind: str, media_type: str) -> None:
    upload = clean_upload(part, picture(kind))
    assert upload.media_type == media_type
    with Image.open(io.BytesIO(upload.body)) as kept:
        assert (kept.format, kept.size) == (kind, (240, 320))


def test_the_content_counts_and_not_the_declared_type() -> None:
    assert check_upload("photo", picture("PNG"), "image/jpeg") == "image/png"
    assert check_upload("photo", picture("JPEG"), "text/plain") == "image/jpeg"


def test_a_pdf_is_accepted_for_papers_but_is_no_photo() -> None:
    assert check_upload("letter", pdf()) == "application/pdf"
    problem = refusal("photo", pdf())
    assert (problem.status, problem.code) == (415, "file_type_refused")
    assert "this is a PDF; a JPEG or PNG picture is needed" in problem.detail


@pytest.mark.parametrize(
    ("body", "called"),
    [
        (b"This is my photo, really.", "a text file"),
        ("照片在附件里".encode(), "a text file"),
        ("照片在附件里，请查收".encode("gb18030"), "a text file"),
        ("证" * 3000 + "x", "a text file"),
        (b"", "an empty file"),
        (b"GIF89a" + bytes(50), "a GIF picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture of a phone"),
        (b"PK\x03\x04" + bytes(50), "a ZIP archive or an Office document"),
        (b"MZ\x90\0", "a Windows program"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "a web page"),
        (bytes(range(256)), "a file of unknown kind"),
    ],
)
def test_what_is_no_picture_is_named_for_what_it_is(body: bytes | str, called: str) -> None:
    problem = refusal("photo", body.encode() if isinstance(body, str) else body, "image/jpeg")
    assert problem.status == 415
    assert (
        problem.detail == f"photo: this is {called}, though it was sent as image/jpeg; a JPEG or PNG picture is needed."
    )


def with_exif(size: tuple[int, int] = (240, 320), orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRET CAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[29] = "2026:03:02"
    return picture("JPEG", size, exif=exif, comment=b"SECRET COMMENT", icc_profile=b"SECRET PROFILE")


def test_position_camera_and_comments_are_dropped() -> None:
    given = with_exif()
    assert given.count(b"SECRET") == 3
    kept = clean_upload("photo", given).body
    assert b"SECRET" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert dict(image.getexif()) == {}


def test_a_picture_taken_sideways_is_turned_before_its_orientation_is_dropped() -> None:
    kept = clean_upload("photo", with_exif((400, 240), orientation=6)).body
    with Image.open(io.BytesIO(kept)) as image:
        assert image.size == (240, 400)


def test_text_in_a_png_is_dropped() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "SECRET", zip=False)
    given = picture("PNG", pnginfo=notes)
    assert b"SECRET" in given
    assert b"SECRET" not in clean_upload("photo", given).body


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_is_another_file_as_well_loses_that_tail(kind: str) -> None:
    kept = clean_upload("photo", picture(kind) + b"PK\x03\x04<script>alert(1)</script>").body
    assert b"script" not in kept
    assert b"PK\x03\x04" not in kept


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_that_is_cut_short_is_refused(kind: str) -> None:
    whole = picture(kind)
    problem = refusal("photo", whole[: len(whole) // 2])
    assert (problem.status, problem.code) == (422, "file_damaged")


def test_a_photo_too_small_to_tell_a_face_is_refused_but_a_letter_may_be_any_size() -> None:
    assert refusal("photo", picture("JPEG", (199, 400))).code == "image_too_small"
    assert check_upload("letter", picture("JPEG", (100, 100))) == "image/jpeg"


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )


def test_a_decompression_bomb_is_refused_by_its_size_before_it_is_decoded() -> None:
    problem = refusal("photo", png_that_claims(5_100, 5_000))
    assert problem.code == "image_too_large"
    assert "5100 × 5000" in problem.detail


def test_a_bomb_that_pillow_refuses_itself_is_refused_all_the_same() -> None:
    assert refusal("photo", png_that_claims(60_000, 60_000)).status == 422


def test_a_large_picture_is_scaled_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_SIDE", 300)
    with Image.open(io.BytesIO(clean_upload("photo", picture("JPEG", (1200, 900))).body)) as image:
        assert image.size == (300, 225)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_is_accepted(mode: str) -> None:
    kept = io.BytesIO()
    Image.new(mode, (240, 320)).save(kept, "JPEG" if mode == "CMYK" else "PNG")
    assert check_upload("photo", kept.getvalue()) in ("image/jpeg", "image/png")


def test_an_encrypted_pdf_is_refused() -> None:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.encrypt("secret", algorithm="RC4-128")
    kept = io.BytesIO()
    writer.write(kept)
    assert refusal("letter", kept.getvalue()).code == "pdf_encrypted"


def _active(kind: str) -> bytes:
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    if kind == "javascript":
        action = DictionaryObject(
            {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert(1)")}
        )
        writer.root_object[NameObject("/OpenAction")] = writer._add_object(action)
    elif kind == "file":
        writer.add_attachment("x.exe", b"MZ")
    else:
        action = DictionaryObject(
            {NameObject("/S"): NameObject("/Launch"), NameObject("/F"): TextStringObject("cmd.exe")}
        )
        page[NameObject("/AA")] = DictionaryObject({NameObject("/O"): writer._add_object(action)})
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()


@pytest.mark.parametrize("kind", ["javascript", "file", "launch"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_pdf_that_does_something_is_refused(kind: str, compressed: bool) -> None:
    body = _active(kind)
    if compressed:  # names out of sight, inside object streams
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(body)))
        kept = io.BytesIO()
        writer.compress_identical_objects()
        writer.write(kept)
        body = kept.getvalue()
        hidden = {b"/JavaScript": b"/Java#53cript", b"/Launch": b"/L#61unch", b"/EmbeddedFile": b"/Embedded#46ile"}
        for name, escaped in hidden.items():
            body = body.replace(name, escaped)
        body = body.replace(b"/JS ", b"/#4aS ")
    assert refusal("letter", body).code == "pdf_active"


def test_a_pdf_without_pages_or_with_too_many_is_refused() -> None:
    assert refusal("letter", pdf(0)).code == "pdf_empty"
    assert refusal("letter", pdf(uploads.MAX_PDF_PAGES + 1)).code == "pdf_too_large"


@pytest.mark.parametrize("body", [b"%PDF-1.7\n", b"%PDF-1.7\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF", pdf()[:200]])
def test_a_damaged_pdf_is_refused(body: bytes) -> None:
    assert refusal("letter", body).status == 422


def pdf_of(*objects: bytes) -> bytes:
    """A PDF of these objects, the first being the catalogue."""
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, entries)
    return body + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (count, len(body))


CATALOGUE = (
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
)


@pytest.mark.parametrize(
    "objects",
    [
        (*CATALOGUE, b"[" * 100_000 + b"]" * 100_000),
        (*CATALOGUE, b"<</A " * 300_000),
        (CATALOGUE[0], b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 99999999>>"),
    ],
    ids=["nested", "unclosed", "cyclic"],
)
def test_a_pdf_made_to_be_wrong_everywhere_is_given_up(
    objects: tuple[bytes, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    assert check_upload("letter", pdf_of(*CATALOGUE)) == "application/pdf"
    assert refusal("letter", pdf_of(*objects)).code == "file_damaged"
    printed = capfd.readouterr()
    assert printed.out + printed.err == "", "pypdf does not fill the log"


@pytest.mark.parametrize(
    "action",
    [
        b"<</S/JavaScript/JS(x)>>",
        b"<</S/Launch/F(cmd.exe)>>",
        b"<</S 5 0 R>>",
        b"[[<</Next<</S/SubmitForm>>>>]]",
        b"<</Type/Filespec/EF<</F 3 0 R>>>>",
    ],
)
def test_actions_are_found_wherever_they_stand(action: bytes) -> None:
    assert refusal("letter", pdf_of(*CATALOGUE, action, b"/Launch")).code == "pdf_active"
    assert refusal("letter", pdf_of(*CATALOGUE, action.replace(b"/JS", b"/#4a#53"), b"/#4caunch")).code == "pdf_active"


GOOD = [picture("JPEG"), picture("PNG"), pdf(2)]


@settings(max_examples=150, deadline=None)
@given(body=st.sampled_from(GOOD), data=st.data())
def test_whatever_is_done_to_a_file_it_is_accepted_or_one_problem(body: bytes, data: st.DataObject) -> None:
    spoilt = bytearray(body)
    for _ in range(data.draw(st.integers(0, 5))):
        spoilt[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)))
    try:
        check_upload("id_copy", bytes(spoilt[:cut]))
    except Problem as problem:
        assert problem.status in (415, 422)
