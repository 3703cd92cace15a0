"""This program's own version, as records and quarantined rows name it."""

from importlib.metadata import PackageNotFoundError, version

try:
    SOFTWARE = f"menjin {version('menjin')}"
except PackageNotFoundError:  # run from a source tree that was never installed
    SOFTWARE = "menjin"
