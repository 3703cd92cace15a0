"""This program's version, once: the package, every record and ``menjin --version`` name it."""

VERSION = "0.1.0"
SOFTWARE = f"menjin {VERSION}"
