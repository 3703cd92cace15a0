"""Photos as small as a list needs them."""

import io

from PIL import Image

PIXELS = (150, 200)
QUALITY = 70


def thumbnail(photo: bytes) -> bytes | None:
    """A JPEG of at most :data:`PIXELS`; None for what is no picture."""
    made = io.BytesIO()
    try:
        with Image.open(io.BytesIO(photo), formats=["JPEG", "PNG"]) as image:
            image.draft("RGB", (PIXELS[0] * 2, PIXELS[1] * 2))
            image.thumbnail(PIXELS)
            clear = image.convert("RGBA")
        plain = Image.new("RGB", clear.size, "white")
        plain.paste(clear, mask=clear.getchannel("A"))
        plain.save(made, "JPEG", quality=QUALITY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return made.getvalue()
