"""A site as the simulator finds it on disk: site.toml, edge.toml (a template), and optionally desk.toml (another, of the desk where
badges are written), plan.toml and population.yaml.

In the templates ``@DEV@`` stands for the folder of the simulated devices, ``@STATE@`` for the edge's state directory, ``@BUNDLE@`` for
its bundle, ``@BROKER@`` for the broker's URL.
"""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import yaml

from controller.site import Site
from controller.site_checks import SiteError, parse_site
from sim.scenario_given import Given
from sim.wiring import Wiring, parse_wiring, together

SITES = Path(__file__).parent / "sites"


class SiteFolder:
    """One site's files, read and checked. ``name``: a bundled site, or a path to a folder.

    Raises :class:`controller.site.SiteError` or :class:`sim.wiring.WiringError`, each one line.
    """

    def __init__(self, name: str) -> None:
        self.path = _find(name)
        self.site: Site = parse_site(_read(self.path / "site.toml"), str(self.path / "site.toml"))
        self.template = _read(self.path / "edge.toml")
        self.wiring: Wiring = parse_wiring(self.template, str(self.path / "edge.toml"))
        self.desk_template = _read(self.path / "desk.toml") if (self.path / "desk.toml").exists() else None
        if self.desk_template is not None:
            desk = parse_wiring(self.desk_template, str(self.path / "desk.toml"))
            self.wiring = together(self.wiring, desk.readers, str(self.path / "desk.toml"))
        self.plan = _plan(self.path / "plan.toml")
        self.population = _population(self.path / "population.yaml")

    def edge_toml(self, device_dir: Path, state_dir: str, bundle: str, broker_url: str) -> str:
        """The edge's template with everything filled in."""
        return self._filled(self.template, device_dir, state_dir, bundle, broker_url)

    def desk_toml(self, device_dir: Path, state_dir: str, bundle: str, broker_url: str) -> str | None:
        """The desk's, where the site has one."""
        template = self.desk_template
        return None if template is None else self._filled(template, device_dir, state_dir, bundle, broker_url)

    def _filled(self, text: str, device_dir: Path, state_dir: str, bundle: str, broker_url: str) -> str:
        for mark, value in (
            ("@DEV@", str(device_dir)),
            ("@STATE@", state_dir),
            ("@BUNDLE@", bundle),
            ("@BROKER@", broker_url),
        ):
            if any(character in value for character in '"\\\n'):
                raise SiteError(
                    f"{value!r} cannot stand in edge.toml: quotes, backslashes and line ends are not allowed"
                )
            text = text.replace(mark, value)
        return text


def _find(name: str) -> Path:
    for candidate in (SITES / name, Path(name)):
        if (candidate / "site.toml").is_file():
            return candidate
    bundled = ", ".join(sorted(path.parent.name for path in SITES.glob("*/site.toml")))
    raise SiteError(f"no site {name!r}: neither bundled ({bundled}) nor a folder with a site.toml")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SiteError(f"{path}: cannot be read ({why})") from error


def _plan(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise SiteError(f"{path}: {error}") from error


def _population(path: Path) -> Given:
    if not path.exists():
        return Given()
    try:
        return msgspec.convert(yaml.safe_load(_read(path)), Given)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise SiteError(f"{path}: {' '.join(str(error).split())}") from error
