"""Photos as small as a list needs them."""

import io

from PIL import Image

PIXELS = (150, 200)
QUALITY = 70


def thumbnail(photo: bytes, pixels: tuple[int, int] = PIXELS, quality: int = QUALITY) -> bytes | None:
    """A JPEG of at most ``pixels``; None for what is no picture."""
    made = io.BytesIO()
    try:
        with Image.open(io.BytesIO(photo), formats=["JPEG", "PNG"]) as image:
            image.draft("RGB", (pixels[0] * 2, pixels[1] * 2))
            image.thumbnail(pixels)
            clear = image.convert("RGBA")
        plain = Image.new("RGB", clear.size, "white")
        plain.paste(clear, mask=clear.getchannel("A"))
        plain.save(made, "JPEG", quality=quality)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return made.getvalue()
