"""Wires an edge from its configuration: the real ports beside the agent, and nothing else (``python -m edge`` = ``menjin edge``)."""

from pathlib import Path
from typing import TYPE_CHECKING

from controller.release import SOFTWARE
from controller.site import Site
from edge.agent import Agent
from edge.clock import OFFSET_FILE, SystemClock, boot_id, mono_us
from edge.config import (
    EdgeConfig,
    door_hardware,
    hardware_digest,
    policy_mismatches,
    stuck_unlock_doors,
    unsupervised_inputs,
)
from edge.desk import DeskThread
from edge.hardware import Hardware
from edge.inbox import Inbox
from edge.keys import WRITING_KEYS, Bundle, KeyFileError, KeyRing
from edge.link import MqttLink
from edge.no_journal import NoJournal, open_journal
from edge.no_policy_store import open_policy_store
from edge.notify import Supervisor
from edge.ports import JournalFault
from edge.randomness import SystemRandom
from edge.reading import reader_thread
from edge.runner import Runner
from edge.scanning import scanner_thread
from edge.station import Ports, Station

if TYPE_CHECKING:
    from edge.muster.server import MusterServer


def build(config: EdgeConfig, bundle: Bundle) -> Runner:
    """A runner over real hardware, files and network. Raises the named errors of what cannot be opened."""
    _refuse_writing_keys(config, bundle)
    inbox = Inbox()
    offset_file = Path(config.state_dir) / OFFSET_FILE if config.clock.adjustable else None
    clock = SystemClock(config.clock.trust, offset_file)
    random = SystemRandom()
    keys = KeyRing(bundle.root_public_key, bundle.site)
    for certificate in bundle.certificates:
        keys.add(certificate, now_us=0)  # a certificate is judged when it is used: this clock may not be set yet
    link = MqttLink(bundle.site, bundle.edge, config.broker, inbox.post)
    hardware = Hardware(config, inbox.post)
    desk: DeskThread | None = None
    if config.role == "desk":
        desk = DeskThread(config.readers[0], bundle.card_keys, bundle.hash_key, inbox.post, mono_us)
        readers = [desk.thread]
    else:
        readers = [reader_thread(line, bundle.card_keys, inbox.post, mono_us) for line in config.readers]
        readers += [scanner_thread(line, inbox.post, mono_us) for line in config.scanners]
    journal = open_journal(config.journal_path, random)
    policies = open_policy_store(config.policy_path)

    def objections(site: Site) -> list[str]:
        return policy_mismatches(config, site)

    station = Station(
        hardware=door_hardware(config),
        hardware_digest=hardware_digest(config),
        boot_id=boot_id(),
        software=SOFTWARE,
        objections=objections,
        readers=tuple(line.id for line in config.readers),
        scanners=tuple((line.id, line.access_point) for line in config.scanners),
        boards=tuple(line.id for line in config.boards),
        notices=(*_notices(config), *([policies.damage] if policies.damage else [])),
        desk=config.desk,
    )
    muster = _muster_page(config)
    try:
        agent = Agent(bundle, keys, station, Ports(journal, policies, link, hardware, random, desk, muster))
    except JournalFault as fault:  # a sound file that this version cannot read: the ways out must work all the same
        journal.close()
        journal = NoJournal(str(fault), random)
        agent = Agent(bundle, keys, station, Ports(journal, policies, link, hardware, random, desk, muster))
    if muster is not None:
        muster.start()

    def close() -> None:
        journal.close()
        policies.close()
        if muster is not None:
            muster.stop()

    return Runner(agent, clock, inbox, hardware, readers, link, Supervisor(), close)


def _muster_page(config: EdgeConfig) -> "MusterServer | None":
    table = config.muster
    if table is None:
        return None
    from edge.muster.server import MusterServer  # 1 MB that an edge without the page spares

    host, port = table.address
    tls = (Path(table.certificate), Path(table.key)) if table.certificate else None
    return MusterServer(host, port, Path(table.password_file), tls, mono_us)


def _refuse_writing_keys(config: EdgeConfig, bundle: Bundle) -> None:
    found = [name for name in WRITING_KEYS if name in bundle.card_keys]
    if config.role == "door" and found:
        raise KeyFileError(
            f"{config.bundle}: holds {', '.join(found)}, with which badges are made; that is for a desk alone:"
            " enrol this edge again without --desk"
        )


def _notices(config: EdgeConfig) -> tuple[str, ...]:
    stuck, unsupervised = stuck_unlock_doors(config), unsupervised_inputs(config)
    return (
        *(f"door {door}: may stay unlocked if this edge dies mid-pulse, by decision" for door in stuck),
        *([f"inputs not supervised: {', '.join(unsupervised)}"] if unsupervised else []),
    )


if __name__ == "__main__":
    from edge.cli import app

    app()
