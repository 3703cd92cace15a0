"""``menjin edge enrol``: make this edge's key pair, have the server take its public half, write the bundle (DESIGN 7).

The private key is made here and goes nowhere else; the token is good for one edge, once.
"""

from pathlib import Path
from ssl import SSLContext, SSLError, create_default_context
from urllib.parse import urlsplit

import httpx2
import msgspec

from edge.keys import (
    READING_KEYS,
    WRITING_KEYS,
    Bundle,
    BundleFile,
    KeyFileError,
    KeyRing,
    edge_kid,
    load_card_keys,
    make_private_key,
)
from edge.private_file import PrivateFileError, write_private

TIMEOUT_S = 10.0
_PATH = "/api/v1/edges/enrol"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class EnrolError(Exception):
    """Enrolment failed. One line: what, where, what to do."""


class _Answer(msgspec.Struct, frozen=True):
    site: str
    edge: str
    epoch: int
    root_public_key: str
    hash_key: str
    certificates: tuple[str, ...] = ()


class _Problem(msgspec.Struct, frozen=True):
    title: str = ""
    detail: str = ""


def enrol(
    server_url: str,
    token: str,
    card_keys_path: Path | None,
    out_path: Path,
    ca: Path | None = None,
    desk: bool = False,
) -> Bundle:
    """Enrol this edge and write its bundle to ``out_path`` (mode 600, whole or not at all).

    ``ca``: the certificate file that the server's TLS is checked against, instead of the system's. ``card_keys_path``
    None: an edge whose readers need no card keys. ``desk``: take the keys that write cards as well; a door gets those for reading
    only. Raises :class:`EnrolError`; nothing is written then.
    """
    url = urlsplit(server_url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise EnrolError(f"--server {server_url!r}: write https://HOST:PORT")
    if url.scheme == "http" and url.hostname not in _LOOPBACK:
        raise EnrolError(f"--server {server_url!r}: the token and keys would travel in clear; use https://")
    if out_path.exists():
        raise EnrolError(f"{out_path}: exists already; move the old bundle away first, it may be in use")
    if not out_path.parent.is_dir():
        raise EnrolError(f"{out_path}: no folder {out_path.parent}; make it first")
    card_keys = _card_keys(card_keys_path, desk)
    seed, public_key = make_private_key()
    answer = _ask(server_url.rstrip("/") + _PATH, {"token": token, "public_key": public_key}, ca)
    file = BundleFile(
        site=answer.site,
        edge=answer.edge,
        epoch=answer.epoch,
        kid=edge_kid(answer.edge),
        private_key=seed,
        root_public_key=answer.root_public_key,
        hash_key=answer.hash_key,
        certificates=answer.certificates,
        card_keys=card_keys,
    )
    try:
        bundle = Bundle(file, f"answer of {server_url}")
        ring = KeyRing(bundle.root_public_key, bundle.site)
        for certificate in bundle.certificates:
            ring.add(certificate, now_us=0)  # the signature alone: this machine's clock may not be set yet
    except (KeyFileError, ValueError) as error:
        raise EnrolError(
            f"{server_url}: the answer does not hold together ({error}); is it a menjin server?"
        ) from error
    try:
        write_private(out_path, bundle_toml(file))
    except PrivateFileError as error:
        raise EnrolError(f"{error}; the token is used up: ask for a new one") from error
    return bundle


def _card_keys(path: Path | None, desk: bool) -> dict[str, str]:
    try:
        found = load_card_keys(path) if path is not None else {}
    except KeyFileError as error:
        raise EnrolError(str(error)) from error
    if not desk:
        return {name: key for name, key in found.items() if name in READING_KEYS}
    missing = [name for name in ("desfire_read", *WRITING_KEYS) if name not in found]
    if missing:
        where = f"{path}: {', '.join(missing)} missing" if path is not None else "--desk: no --card-keys given"
        raise EnrolError(f"{where}; a desk needs the file that `menjin keys cards` makes")
    return found


def bundle_toml(file: BundleFile) -> str:
    """The bundle's text. All values are JSON strings and integers, which TOML writes alike."""
    table = msgspec.to_builtins(file)
    card_keys = table.pop("card_keys")
    lines = [f"{name} = {_toml_value(value)}" for name, value in table.items()]
    lines += ["", "[card_keys]", *(f"{name} = {_toml_value(value)}" for name, value in card_keys.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _ask(url: str, question: dict[str, str], ca: Path | None) -> _Answer:
    try:
        with httpx2.Client(verify=_tls(ca), timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            response = client.post(url, json=question)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise EnrolError(
            f"{url}: {' '.join(str(error).split()) or type(error).__name__}; check address, port and --ca"
        ) from error
    if response.status_code >= 400:
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except (msgspec.DecodeError, ValueError):
            problem = _Problem()
        said = problem.detail or problem.title or f"HTTP {response.status_code}"
        raise EnrolError(f"{url}: refused: {' '.join(said.split())}; ask the console for a new token")
    try:
        return msgspec.json.decode(response.content, type=_Answer)
    except (msgspec.DecodeError, ValueError) as error:
        raise EnrolError(
            f"{url}: unexpected answer (HTTP {response.status_code}: {error}); is it a menjin server?"
        ) from error


def _tls(ca: Path | None) -> SSLContext | bool:
    if ca is None:
        return True
    try:
        return create_default_context(cafile=str(ca))
    except (OSError, SSLError) as error:
        raise EnrolError(f"--ca {ca}: not a readable certificate file ({error})") from error
