"""What a file is, by its first bytes: the types that are accepted, and the names of common others, for a refusal that helps."""

JPEG = "image/jpeg"
PNG = "image/png"
PDF = "application/pdf"
TEXT = "text/plain"
UNKNOWN = "application/octet-stream"
LOOKED_AT = 4_096
EXTENSIONS = {JPEG: ".jpg", PNG: ".png", PDF: ".pdf"}

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"%PDF-", PDF),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0", "application/msword"),
    (b"Rar!", "application/x-rar"),
    (b"7z\xbc\xaf", "application/x-7z"),
    (b"MZ", "application/x-msdownload"),
    (b"\x7fELF", "application/x-executable"),
)
_WORDS: dict[str, tuple[str, str]] = {
    JPEG: ("a JPEG picture", " JPEG 图片"),
    PNG: ("a PNG picture", " PNG 图片"),
    PDF: ("a PDF", " PDF 文件"),
    "image/gif": ("a GIF picture", " GIF 图片"),
    "image/bmp": ("a BMP picture", " BMP 图片"),
    "image/tiff": ("a TIFF picture", " TIFF 图片"),
    "image/webp": ("a WebP picture", " WebP 图片"),
    "image/heic": ("a HEIC picture of a phone", "手机 HEIC 图片"),
    "image/svg+xml": ("an SVG drawing", " SVG 图形"),
    "text/html": ("a web page", "网页文件"),
    "application/zip": ("a ZIP archive or an Office document", " ZIP 压缩包或 Office 文档"),
    "application/msword": ("an old Office document", "旧版 Office 文档"),
    "application/x-rar": ("a RAR archive", " RAR 压缩包"),
    "application/x-7z": ("a 7z archive", " 7z 压缩包"),
    "application/x-msdownload": ("a Windows program", " Windows 程序"),
    "application/x-executable": ("a program", "可执行程序"),
    TEXT: ("a text file", "文本文件"),
    UNKNOWN: ("a file of unknown kind", "未知类型的文件"),
}


def found_type(body: bytes) -> str:
    """The media type that the first bytes show; :data:`UNKNOWN` when nothing known."""
    begin = body[:LOOKED_AT]
    for signature, media_type in _SIGNATURES:
        if begin.startswith(signature):
            return media_type
    if begin[:4] == b"RIFF" and begin[8:12] == b"WEBP":
        return "image/webp"
    if begin[4:8] == b"ftyp" and begin[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif"):
        return "image/heic"
    if _is_text(begin, whole=len(body) <= LOOKED_AT):
        lower = begin.lower()
        if b"<svg" in lower:
            return "image/svg+xml"
        return "text/html" if b"<html" in lower or b"<!doctype html" in lower else TEXT
    return UNKNOWN


def words_for(media_type: str, body: bytes = b" ") -> tuple[str, str]:
    """The type in words, English and Chinese."""
    return _WORDS[media_type] if body else ("an empty file", "空文件")


def _is_text(begin: bytes, *, whole: bool) -> bool:
    if b"\0" in begin:
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            begin.decode(encoding)
        except UnicodeDecodeError as error:
            if not whole and error.start >= len(begin) - 4:  # cut inside a character
                return True
            continue
        return encoding == "utf-8" or _mostly_printable(begin)
    return False


def _mostly_printable(begin: bytes) -> bool:
    odd = sum(byte < 32 and byte not in (9, 10, 13) for byte in begin)
    return odd * 50 <= len(begin)
