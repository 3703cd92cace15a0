"""The site's own certificate (DESIGN 18)."""

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server import tls

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_certificate_is_made_once_and_its_key_is_its_owners_only(tmp_path: Path) -> None:
    certificate, key = tls.site_certificate(tmp_path, "menjin.example", NOW)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    before = tls.fingerprint(certificate)
    tls.site_certificate(tmp_path, "menjin.example", NOW + timedelta(days=30))
    assert tls.fingerprint(certificate) == before


def test_it_is_made_anew_when_it_ends_soon_or_the_server_has_another_name(tmp_path: Path) -> None:
    certificate, _ = tls.site_certificate(tmp_path, "menjin.example", NOW)
    first = tls.fingerprint(certificate)
    tls.site_certificate(tmp_path, "10.0.0.9", NOW)
    second = tls.fingerprint(certificate)
    tls.site_certificate(tmp_path, "10.0.0.9", NOW + tls.VALID - tls.RENEW_BEFORE)
    assert len({first, second, tls.fingerprint(certificate)}) == 3


def test_a_damaged_certificate_is_made_anew(tmp_path: Path) -> None:
    certificate, key = tls.site_certificate(tmp_path, "::", NOW)
    certificate.write_text("damaged")
    tls.site_certificate(tmp_path, "::", NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
