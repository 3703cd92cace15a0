"""The papers that the simulator draws are what they say they are."""

import io

import pytest
from PIL import Image

from sim.documents import document, portrait


@pytest.mark.parametrize("part", ["photo", "id_copy"])
def test_a_drawn_picture_is_a_png_large_enough_to_be_looked_at(part: str) -> None:
    content, media_type = document(part, "li")
    assert media_type == "image/png"
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert min(picture.size) >= 300


def test_two_people_look_different_and_one_always_the_same() -> None:
    assert portrait("li") == portrait("li")
    assert portrait("li") != portrait("wang")


def test_a_photo_has_a_face_before_a_wall() -> None:
    with Image.open(io.BytesIO(portrait("li"))) as picture:
        wall, face = picture.getpixel((5, 5)), picture.getpixel((180, 230))
    assert wall != face
    assert isinstance(face, tuple)
    assert face[0] > face[2]  # skin is warmer than it is blue


@pytest.mark.parametrize("part", ["letter", "loss_letter"])
def test_a_letter_is_a_pdf_whose_table_points_at_its_objects(part: str) -> None:
    content, media_type = document(part, "li")
    assert media_type == "application/pdf"
    start = int(content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert content[start:].startswith(b"xref")
    places = [int(line[:10]) for line in content[start:].splitlines() if line.endswith(b" n ")]
    assert [content[at : at + 5] for at in places] == [b"%d 0 o" % (number + 1) for number in range(len(places))]


def test_a_letter_of_loss_says_so() -> None:
    assert document("letter", "li")[0] != document("loss_letter", "li")[0]
    assert b"loss" in document("loss_letter", "li")[0]
