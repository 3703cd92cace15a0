"""Photos and papers: kept under keys of their own, and erased for good, backups included."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from structlog.testing import capture_logs

from server.context import Context
from server.db.clock import FixedClock
from server.db.engine import Database, DatabaseError
from server.key_files import KeysError
from server.operators.models import AuditEntry
from server.personal.attachments import read_attachment, schedule_erasure, store_attachment
from server.personal.erasable_keys import ERASABLE_FILE, ErasableKeys, open_erasable_keys
from server.personal.erasure import ORPHAN_AGE, PER_TURN, ErasureService
from server.personal.models import Attachment
from server.problems import Problem
from tests.server.conftest import ON_SQLITE, START
from tests.server.personal.conftest import DAY, DESK, new_application, pdf, picture
from tests.server.waiting import until


def stored(context: Context, part: str = "photo", body: bytes | None = None) -> Attachment:
    with context.database.write() as session:
        return store_attachment(session, context, DESK, new_application(session, context), part, body or picture())


def due(context: Context, attachment: Attachment) -> None:
    with context.database.write() as session:
        schedule_erasure(session, [attachment.application_id], context.clock.now())


def reread(context: Context, attachment: Attachment) -> Attachment:
    with context.database.read() as session:
        return session.exec(select(Attachment).where(Attachment.id == attachment.id)).one()


def opened(context: Context, attachment: Attachment) -> bytes:
    with context.database.read() as session:
        return read_attachment(session, context, reread(context, attachment))


def refusal_to_open(context: Context, attachment: Attachment) -> str:
    with pytest.raises(Problem) as refused:
        opened(context, attachment)
    return refused.value.code


def test_a_file_comes_back_as_it_was_kept(context: Context) -> None:
    body = pdf()
    attachment = stored(context, "letter", body)
    assert opened(context, attachment) == body
    assert (attachment.media_type, attachment.size) == ("application/pdf", len(body))
    assert attachment.cipher is not None
    assert b"%PDF" not in attachment.cipher
    with context.database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.act == "attachment.store")).one()
    assert entry.subject == attachment.public_id


def test_a_new_file_for_the_same_part_replaces_the_old_one_which_is_erased(context: Context, clock: FixedClock) -> None:
    with context.database.write() as session:
        application = new_application(session, context)
        old = store_attachment(session, context, DESK, application, "photo", picture())
        letter = store_attachment(session, context, DESK, application, "letter", pdf())
        new = store_attachment(session, context, DESK, application, "photo", picture(size=(300, 300)))
    assert refusal_to_open(context, old) == "erased"
    assert reread(context, old).cipher is None
    assert opened(context, new)
    assert opened(context, letter) == pdf()
    assert ErasureService(context).run_once(clock.now()) == 1
    assert context.erasable.get(old.key_id) is None
    assert reread(context, old).erased_at == clock.now()
    assert opened(context, new)


def test_what_was_rolled_back_leaves_the_file_before_untouched(context: Context) -> None:
    with context.database.write() as session:
        application = new_application(session, context)
        old = store_attachment(session, context, DESK, application, "photo", picture())
    with closing(context.database.new_session(writes=True)) as session:
        store_attachment(session, context, DESK, application, "photo", picture())
    assert ErasureService(context).run_once(context.clock.now()) == 0
    assert opened(context, old)


def test_nothing_is_erased_before_its_time_and_all_of_it_then(context: Context, clock: FixedClock) -> None:
    attachment = stored(context)
    erasure = ErasureService(context)
    with context.database.write() as session:
        assert schedule_erasure(session, [attachment.application_id], START + 30 * DAY) == 1
    clock.at = START + 30 * DAY - timedelta(microseconds=1)
    assert erasure.run_once(clock.now()) == 0
    assert opened(context, attachment)
    clock.at = START + 30 * DAY
    assert refusal_to_open(context, attachment) == "erased"  # even before the turn that erases it
    assert erasure.run_once(clock.now()) == 1
    row = reread(context, attachment)
    assert (row.cipher, row.erased_at) == (None, clock.now())
    assert context.erasable.get(attachment.key_id) is None
    assert erasure.run_once(clock.now()) == 0
    with context.database.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.act == "attachment.erase")).all()
    assert [(entry.subject, entry.actor) for entry in entries] == [(attachment.public_id, "system")]


def test_an_earlier_time_for_erasure_stays(context: Context) -> None:
    attachment = stored(context)
    with context.database.write() as session:
        schedule_erasure(session, [attachment.application_id], START + DAY)
        assert schedule_erasure(session, [attachment.application_id], START + 2 * DAY) == 0
        assert schedule_erasure(session, [], START) == 0
    assert reread(context, attachment).erase_after == START + DAY


def test_a_process_that_died_between_key_and_row_ends_its_work_later(context: Context) -> None:
    attachment = stored(context)
    due(context, attachment)
    context.erasable.erase([attachment.key_id])
    assert ErasureService(context).run_once(context.clock.now()) == 1
    assert reread(context, attachment).erased_at is not None


def test_a_turn_erases_a_bounded_number(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.personal.erasure.PER_TURN", 2)
    attachments = [stored(context) for _ in range(3)]
    for attachment in attachments:
        due(context, attachment)
    erasure = ErasureService(context)
    assert [erasure.run_once(context.clock.now()) for _ in range(3)] == [2, 1, 0]
    assert PER_TURN >= 100


def test_the_key_of_a_row_that_never_came_is_erased_after_a_while(context: Context, clock: FixedClock) -> None:
    kept = stored(context)
    with closing(context.database.new_session(writes=True)) as session:
        store_attachment(session, context, DESK, new_application(session, context), "photo", picture())
    erasure = ErasureService(context)
    clock.advance(ORPHAN_AGE)
    erasure.run_once(clock.now())
    assert len(context.erasable.made_before(clock.now() + DAY, "", 10)) == 2
    clock.advance(timedelta(seconds=1))
    erasure.run_once(clock.now())
    assert context.erasable.made_before(clock.now() + DAY, "", 10) == [kept.key_id]
    assert opened(context, kept)


def test_a_key_that_is_missing_though_not_erased_is_reported(context: Context, clock: FixedClock) -> None:
    attachment = stored(context)
    context.erasable.erase([attachment.key_id])
    with capture_logs() as logged:
        assert refusal_to_open(context, attachment) == "unreadable"
        ErasureService(context).run_once(clock.now())
    errors = [entry for entry in logged if entry["log_level"] == "error"]
    assert [entry["attachment"] for entry in errors] == [attachment.public_id] * 2


def test_a_damaged_file_is_unreadable_and_nothing_worse(context: Context) -> None:
    attachment = stored(context)
    other = stored(context)
    with context.database.write() as session:
        row = session.exec(select(Attachment).where(Attachment.id == attachment.id)).one()
        row.cipher = other.cipher
        session.add(row)
    assert refusal_to_open(context, attachment) == "unreadable"


def test_a_file_larger_than_the_limit_is_refused(context: Context) -> None:
    with pytest.raises(Problem) as refused:
        stored(context, body=picture() + bytes(context.config.max_attachment_bytes))
    assert refused.value.status == 413


@ON_SQLITE
def test_after_erasure_no_backup_of_the_main_database_opens_the_photo(context: Context, tmp_path: Path) -> None:
    """The backup has the cipher; the key stands in no file of the store, its journal included."""
    attachment = stored(context)
    key = context.erasable.get(attachment.key_id)
    assert key is not None
    folder = context.config.dir
    files = lambda: b"".join(path.read_bytes() for path in folder.glob(ERASABLE_FILE + "*"))  # noqa: E731
    assert key in files()
    backup = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "menjin.db") as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    due(context, attachment)
    assert ErasureService(context).run_once(context.clock.now()) == 1
    assert attachment.cipher is not None
    assert attachment.cipher in backup.read_bytes()
    assert key not in backup.read_bytes()
    assert key not in files()


def test_the_store_is_its_owners_alone_and_refused_otherwise(tmp_path: Path) -> None:
    store = open_erasable_keys("", tmp_path, "sqlite:///elsewhere")
    store.close()
    path = tmp_path / ERASABLE_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(KeysError, match="chmod 600"):
        open_erasable_keys("", tmp_path, "sqlite:///elsewhere")


def test_the_main_database_is_no_place_for_these_keys(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="main database"):
        open_erasable_keys("sqlite:///menjin.db", tmp_path, "sqlite:///menjin.db")


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite:////nowhere/at/all.db"])
def test_a_store_that_cannot_be_opened_is_one_clear_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseError, match=r"erasable_keys_url|database_url"):
        open_erasable_keys(url, tmp_path, "sqlite:///menjin.db")


@pytest.mark.postgresql
def test_the_store_can_be_on_postgresql(new_postgresql_url: Callable[[], str]) -> None:
    url = new_postgresql_url()
    store, second = ErasableKeys(url), ErasableKeys(url)
    try:
        key = store.make("ek_1", START)
        store.make("ek_2", START)
        assert second.get("ek_1") == key
        assert second.missing(["ek_1", "ek_3"]) == {"ek_3"}
        second.erase(["ek_1", "ek_9"])
        assert store.get("ek_1") is None
        assert store.made_before(START + DAY, "", 10) == ["ek_2"]
        assert store.made_before(START, "", 10) == []
        store.erase([])
        second.make("ek_4", START)
    finally:
        store.close()
        second.close()


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=False)
def test_two_processes_never_erase_the_same_file(context: Context, database_url: str) -> None:
    """While one holds its rows, the other finds none to take."""
    attachment = stored(context)
    due(context, attachment)
    other = Database(database_url)
    try:
        with other.write() as session:
            locked = session.exec(select(Attachment).with_for_update(skip_locked=True)).all()
            assert len(locked) == 1
            assert ErasureService(context).run_once(context.clock.now()) == 0
    finally:
        other.close()
    assert ErasureService(context).run_once(context.clock.now()) == 1
    with context.database.read() as session:
        assert len(session.exec(select(AuditEntry).where(AuditEntry.act == "attachment.erase")).all()) == 1


@ON_SQLITE
def test_the_service_works_in_the_background_and_ends(context: Context) -> None:
    attachment = stored(context)
    due(context, attachment)
    service = ErasureService(context)
    service.start()
    try:
        assert until(lambda: reread(context, attachment).erased_at is not None)
    finally:
        service.stop()
    assert not service._thread.is_alive()
