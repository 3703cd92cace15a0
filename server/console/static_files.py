"""Style sheets, scripts and vendor files, held in memory under a path that names their content.

All addresses lie below ``/static/<digest>/``: a new version of any file is a new address, so everything may be cached for ever
and one page never mixes two versions. What is asked for is looked up in a dictionary; no path reaches the disk.
"""

import gzip
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from server.console.language import LANGUAGES, catalogue

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
}
FOR_EVER = "public, max-age=31536000, immutable"
COMPRESS_ABOVE = 1_000
REQUIRED = "vendor/tabler.min.css"


class StaticFile(NamedTuple):
    """One file's bytes. ``compressed`` is gzip, None where it does not pay."""

    media_type: str
    body: bytes
    compressed: bytes | None


class StaticFiles(NamedTuple):
    """All files by name, and the digest of them all. ``missing``: the vendor files were never fetched."""

    digest: str
    files: dict[str, StaticFile]
    missing: bool


@cache
def static_files() -> StaticFiles:
    """Everything below ``static/``, and the scripts' catalogue as a script per language."""
    bodies = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }
    for language in LANGUAGES:
        texts = {} if language == "en" else catalogue()
        bodies[f"words.{language}.js"] = f"export default {json.dumps(texts, ensure_ascii=False)};\n".encode()
    digest = hashlib.sha256()
    for name, body in sorted(bodies.items()):
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    files = {
        name: StaticFile(
            MEDIA_TYPES[Path(name).suffix],
            body,
            gzip.compress(body, 6, mtime=0) if len(body) > COMPRESS_ABOVE else None,
        )
        for name, body in bodies.items()
    }
    return StaticFiles(digest.hexdigest()[:16], files, REQUIRED not in files)


def static_answer(request: Request, digest: str, name: str) -> Response:
    """The file, compressed for who takes it; 404 for another version's address."""
    found = static_files()
    file = found.files.get(name)
    if file is None or digest != found.digest:
        return Response(status_code=404)
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.body, media_type=file.media_type, headers=headers)
