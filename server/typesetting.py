"""Pages set by typst: badges, slips, work orders. ``typst`` enters here. Everything stays in memory.

What people wrote comes into a template as strings in JSON (``sys.inputs.data``) and is never read as markup.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import structlog
import typst

from server.problems import Problem

FONT = "Noto Sans CJK SC"
FONT_PACKAGE = "fonts-noto-cjk"

log = structlog.get_logger()


def set_pages(template: Path, data: dict[str, Any], *, format: Literal["pdf", "png"] = "pdf", ppi: int = 200) -> bytes:
    """The document (``png``: its first page). Raises :class:`Problem` 503 where the font is not installed, 500 when the template does not take the data."""
    try:
        return _compile(template, data, format, ppi)
    except typst.TypstError as error:
        log.error("a page was not set", template=template.name, error=error.message.splitlines()[0])
        raise Problem(
            500, "page_not_set", "The page could not be set: the log says why.", "排版失败，详见日志。"
        ) from error


def _compile(template: Path, data: dict[str, Any], format: Literal["pdf", "png"], ppi: int) -> bytes:
    made: Any = typst.compile(
        template.read_bytes(), format=format, ppi=ppi, font_paths=_fonts(), sys_inputs={"data": json.dumps(data)}
    )
    return bytes(made[0] if isinstance(made, list) else made)  # of several pages each its own picture


@cache
def _fonts() -> typst.Fonts:
    """The system's fonts, looked for once. Raises :class:`Problem` 503, and looks again the next time."""
    fonts = typst.Fonts()
    if FONT not in fonts.families():
        raise Problem(
            503,
            "font_missing",
            f"The server has no font {FONT}: install the Debian package {FONT_PACKAGE}.",
            f"服务器缺少字体 {FONT}：请安装 Debian 软件包 {FONT_PACKAGE}。",
        )
    return fonts
