"""A real edge on two emulated doors, with a full policy and a full backlog: the processes that `bench tap` and `bench start` time."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from controller.policy import Delta, Policy, Version, encode_policy
from controller.policy_digest import policy_digest
from controller.state import encode_state
from controller.wire import WIRE_VERSION, PolicyDelta, ServerCertificate, seal, topic
from edge.journal import SqliteJournal
from edge.policy_store import SqlitePolicyStore
from sim.bench.population import HASH_KEY, NOON_US, BenchTap, card_number, grant_areas, make_policy, make_taps
from sim.bench.recorded import VISIT_US, RecordedTaps
from sim.bench.signer import Signer, root, server
from sim.child import Child
from sim.clients import HttpClient
from sim.stack import menjin

SITE = Path(__file__).parent / "doors"
SITE_ID = "bench"
READERS = ("in-0", "in-1")
DOORS = ("door-0", "door-1")
CARD_KEYS = {"desfire_read": "5b1d9c60e2f74a3381c0d9a44e7f2b16"}
"""Made for the bench: no card outside of it has this key."""
EDGE = "edge-1"
EDGE_STOP_TIMEOUT_S = 5.0
DEAD_BROKER = "mqtt://127.0.0.1:9"
"""The discard port: nobody answers, so the backlog stays."""
CHECKPOINT_RECORDS = 1_000
PEOPLE = 300


class TwoDoors:
    """``folder`` gets keys, bundle, policy store and journal; then :meth:`start_hall` and an edge as real processes. ``site``: the hall's folder.
    ``policy``: another than the population's own. ``taps``: who came in before; some hundred of the population."""

    def __init__(
        self,
        folder: Path,
        badges: int,
        backlog: int,
        site: Path = SITE,
        policy: Policy | None = None,
        taps: Sequence[BenchTap] | None = None,
    ) -> None:
        self.folder = folder
        self.site = site
        self._policy = policy
        self._taps = taps
        self.badges = badges
        self.backlog = backlog
        self.state = folder / "edge"
        self.hall = Child("hall", [], folder / "hall.log")
        self.edge = Child("edge", menjin("edge", "--config", str(folder / "hall" / "edge.toml")), folder / "edge.log")
        self._http: HttpClient | None = None
        self._root, self._server = root(), server()

    def prepare(self) -> None:
        """Write all that an enrolled edge with a history has on its disk."""
        self.state.mkdir(parents=True)
        keys = "".join(f'{name} = "{value}"\n' for name, value in CARD_KEYS.items())
        _write_secret(self.folder / "card.keys", keys)
        _write_secret(self.folder / "edge.bundle", self._bundle(keys))
        policy = self._policy or make_policy(self.badges)
        store = SqlitePolicyStore(self.state / "policy.db")
        store.save_snapshot(policy.version.epoch, policy.version.n, encode_policy(policy))
        store.close()
        journal = SqliteJournal(self.state / "journal.db", _Token())
        try:
            edge = RecordedTaps(policy, journal.journal_id, NOON_US - (self.backlog + 10) * VISIT_US, DOORS)
            # some hundred people: the state that a checkpoint holds is then one of a real room
            taps = self._taps or [tap for tap in make_taps(self.badges, 20_000) if tap.access_point in READERS][:PEOPLE]
            for records in edge.records(taps, self.backlog, CHECKPOINT_RECORDS):
                journal.append(records, edge.now().wall_us)
                journal.save_checkpoint(journal.last_seq, encode_state(edge.engine.state))
        finally:
            journal.close()
        offset_s = NOON_US / 1e6 - datetime.now(UTC).timestamp()
        (self.state / "clock_offset_s").write_text(f"{offset_s:.0f}", encoding="ascii")

    def start_hall(self, broker_url: str = DEAD_BROKER) -> HttpClient:
        """The emulated hardware; returns its interface."""
        self.hall.command = menjin(
            *("sim", "hall", "--site", str(self.site), "--dir", str(self.folder / "hall")),
            *("--card-keys", str(self.folder / "card.keys"), "--port", "0", "--edge-state", str(self.state)),
            *("--bundle", str(self.folder / "edge.bundle"), "--broker", broker_url),
        )
        self.hall.start()
        self._http = HttpClient(self.hall.ready["X_URL"])
        return self._http

    def stop(self) -> None:
        """End both, the edge first."""
        if self._http is not None:
            self._http.close()
        self.edge.stop(EDGE_STOP_TIMEOUT_S)
        self.hall.stop()

    def admitted(self, reader: str, count: int) -> list[int]:
        """``count`` badges, evenly over all, that may enter the room behind a reader."""
        room = reader.replace("in-", "room-")
        allowed = [badge for badge in range(1, self.badges + 1) if room in grant_areas(badge)]
        return [allowed[index * len(allowed) // count] for index in range(count)]

    def make_cards(self, badges: list[int]) -> None:
        """Cards for these badges, in the hall."""
        assert self._http is not None
        for badge in badges:
            self._http.post("/cards", {"id": f"b{badge}", "technology": "desfire", "number": card_number(badge)})

    def delta(self) -> tuple[str, bytes]:
        """Topic and signed message of the delta after the stored policy: its first badge is lost."""
        policy = make_policy(self.badges)
        lost = msgspec.structs.replace(policy.badges[0], status="lost")
        version = Version(policy.version.epoch, policy.version.n + 1)
        after = msgspec.structs.replace(policy, version=version, badges=(lost, *policy.badges[1:]))
        delta = Delta(policy.version, version, policy_digest(after), badges=(lost,))
        body = PolicyDelta(v=WIRE_VERSION, site=SITE_ID, edge=EDGE, epoch=1, seq=1, issued_at_us=NOON_US, delta=delta)
        return topic(SITE_ID, EDGE, "delta"), seal(body, self._server.kid, self._server.sign)

    def _bundle(self, card_keys: str) -> str:
        certificate = ServerCertificate(
            v=WIRE_VERSION, site=SITE_ID, edge="*", epoch=1, seq=1, issued_at_us=0, kid=self._server.kid,
            public_key=bytes.fromhex(self._server.public_key), from_us=0, until_us=2**62,
        )  # fmt: skip
        lines = {
            "site": SITE_ID,
            "edge": EDGE,
            "epoch": 1,
            "kid": f"edge:{EDGE}",
            "private_key": Signer("").private_key,
            "root_public_key": self._root.public_key,
            "hash_key": HASH_KEY.hex(),
            "certificates": [seal(certificate, self._root.kid, self._root.sign).decode()],
        }
        # JSON's strings and lists are TOML's.
        return "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()) + f"[card_keys]\n{card_keys}"


class _Token:
    def token(self) -> str:
        return os.urandom(16).hex()


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
