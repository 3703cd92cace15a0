"""The keys of personal data: what seals, what opens, what never does."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.key_files import KeysError
from server.personal import cipher
from server.personal.cipher import (
    PERSONAL_FILE,
    PersonalKeys,
    UnreadableError,
    ensure_personal_keys,
    key_id_of,
    open_bytes,
    rotate_personal_keys,
    seal_bytes,
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> PersonalKeys:
    return ensure_personal_keys(tmp_path_factory.mktemp("keys"))


text = st.text(st.characters(codec="utf-8"), max_size=200)


@given(text=text)
def test_what_was_sealed_opens_in_its_place(keys: PersonalKeys, text: str) -> None:
    sealed = keys.seal("holder", "hol_1", "name_cipher", text)
    assert keys.open("holder", "hol_1", "name_cipher", sealed) == text


@pytest.mark.parametrize(
    ("table", "row", "column"),
    [
        ("contact", "hol_1", "name_cipher"),
        ("holder", "hol_2", "name_cipher"),
        ("holder", "hol_1", "phone_cipher"),
    ],
)
def test_a_cipher_moved_to_another_row_or_column_does_not_open(
    keys: PersonalKeys, table: str, row: str, column: str
) -> None:
    sealed = keys.seal("holder", "hol_1", "name_cipher", "李娜")
    with pytest.raises(UnreadableError):
        keys.open(table, row, column, sealed)


@given(data=st.data())
def test_one_changed_bit_anywhere_is_noticed(keys: PersonalKeys, data: st.DataObject) -> None:
    sealed = bytearray(keys.seal("holder", "hol_1", "name_cipher", "李娜"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UnreadableError):
        keys.open("holder", "hol_1", "name_cipher", bytes(sealed))


@given(noise=st.binary(max_size=80))
def test_noise_is_unreadable_and_nothing_worse(keys: PersonalKeys, noise: bytes) -> None:
    with pytest.raises(UnreadableError):
        keys.open("holder", "hol_1", "name_cipher", noise)


def test_equal_texts_are_sealed_differently(keys: PersonalKeys) -> None:
    assert len({keys.seal("holder", "hol_1", "name_cipher", "李娜") for _ in range(50)}) == 50


def test_the_error_never_holds_the_value(keys: PersonalKeys) -> None:
    sealed = keys.seal("holder", "hol_1", "name_cipher", "李娜")
    with pytest.raises(UnreadableError) as refused:
        keys.open("holder", "hol_2", "name_cipher", sealed)
    assert "李娜" not in str(refused.value)
    assert sealed.hex() not in str(refused.value)


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = ensure_personal_keys(tmp_path)
    sealed = first.seal("holder", "hol_1", "name_cipher", "李娜")
    assert (tmp_path / PERSONAL_FILE).stat().st_mode & 0o777 == 0o600
    assert ensure_personal_keys(tmp_path).open("holder", "hol_1", "name_cipher", sealed) == "李娜"
    assert [path.name for path in tmp_path.iterdir()] == [PERSONAL_FILE]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    ensure_personal_keys(tmp_path)
    (tmp_path / PERSONAL_FILE).chmod(0o640)
    with pytest.raises(KeysError, match="chmod 600"):
        ensure_personal_keys(tmp_path)


def test_lost_keys_are_not_made_anew_when_they_are_needed(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="missing"):
        ensure_personal_keys(tmp_path, lambda: True)
    assert not (tmp_path / PERSONAL_FILE).exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        'index_key = "00"\nkeys = []\n',
        f'index_key = "{"0" * 64}"\nkeys = []\n',
        f'index_key = "{"0" * 64}"\n[[keys]]\nid = 1\nkey = "zz"\n',
        f'index_key = "{"0" * 64}"\n[[keys]]\nid = 0\nkey = "{"0" * 64}"\n',
        f'index_key = "{"0" * 64}"\n[[keys]]\nid = 1\nkey = "{"0" * 64}"\n[[keys]]\nid = 1\nkey = "{"1" * 64}"\n',
    ],
)
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / PERSONAL_FILE
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeysError, match=PERSONAL_FILE):
        PersonalKeys(path)


def test_servers_that_start_at_once_agree_on_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both see no file; one makes it, the other finds it made and reads that."""
    reached = threading.Barrier(2, timeout=30)
    make = cipher.ensure_key_file

    def meet(path: Path, text: str) -> None:
        reached.wait()
        make(path, text)

    monkeypatch.setattr(cipher, "ensure_key_file", meet)
    made: list[PersonalKeys] = []
    threads = [threading.Thread(target=lambda: made.append(ensure_personal_keys(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made[0].index("name", "李娜") == made[1].index("name", "李娜")


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens(tmp_path: Path) -> None:
    running = ensure_personal_keys(tmp_path)
    old = running.seal("holder", "hol_1", "name_cipher", "李娜")
    index = running.index("name", "李娜")
    assert rotate_personal_keys(tmp_path) == 2
    running.refresh()
    new = running.seal("holder", "hol_1", "name_cipher", "李娜")
    assert (key_id_of(old), key_id_of(new)) == (1, 2)
    for sealed in (old, new):
        assert running.open("holder", "hol_1", "name_cipher", sealed) == "李娜"
    assert running.index("name", "李娜") == index


def test_a_key_that_another_process_added_is_taken_up_when_it_is_met(tmp_path: Path) -> None:
    running = ensure_personal_keys(tmp_path)
    rotate_personal_keys(tmp_path)
    sealed = PersonalKeys(tmp_path / PERSONAL_FILE).seal("holder", "hol_1", "name_cipher", "李娜")
    assert running.newest_key == 1
    assert running.open("holder", "hol_1", "name_cipher", sealed) == "李娜"


def test_a_file_that_became_unreadable_leaves_the_keys_at_hand(tmp_path: Path) -> None:
    running = ensure_personal_keys(tmp_path)
    sealed = running.seal("holder", "hol_1", "name_cipher", "李娜")
    (tmp_path / PERSONAL_FILE).write_text("damaged")
    running.refresh()
    assert running.open("holder", "hol_1", "name_cipher", sealed) == "李娜"


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    ensure_personal_keys(other)
    rotate_personal_keys(other)
    sealed = PersonalKeys(other / PERSONAL_FILE).seal("holder", "hol_1", "name_cipher", "李娜")
    with pytest.raises(UnreadableError, match="no key 2"):
        ensure_personal_keys(tmp_path).open("holder", "hol_1", "name_cipher", sealed)


@given(body=st.binary(max_size=300))
def test_a_file_opens_under_its_own_key_and_place_only(body: bytes) -> None:
    key = b"k" * 32
    sealed = seal_bytes(key, "attachment:att_1:cipher", body)
    assert open_bytes(key, "attachment:att_1:cipher", sealed) == body
    with pytest.raises(UnreadableError):
        open_bytes(key, "attachment:att_2:cipher", sealed)
    with pytest.raises(UnreadableError):
        open_bytes(b"x" * 32, "attachment:att_1:cipher", sealed)


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("phone", ["13800138000", "+86 138 0013 8000", "+8613800138000", "138-0013-8000", "１３８００１３８０００"]),
        ("phone", ["+44 20 7946 0958", "+442079460958"]),
        ("phone", ["12", " 12 "]),
        ("id_number", ["11010519491231002X", "11010519491231002x", "110105 19491231 002X", "110105-19491231-002x"]),
        ("email", ["Li.Na@Example.com", " li.na@example.com"]),
        ("name", ["李娜", "李 娜", " 李　娜 "]),
        ("name", ["Ａｎｎ Lee", "ann lee", "AnnLee"]),
    ],
)
def test_what_is_the_same_has_the_same_index(keys: PersonalKeys, kind: str, same: list[str]) -> None:
    assert len({keys.index(kind, written) for written in same}) == 1
    assert len(keys.index(kind, same[0])) == 16


def test_the_index_tells_kinds_and_values_apart(keys: PersonalKeys) -> None:
    assert keys.index("name", "李娜") != keys.index("name", "王伟")
    assert keys.index("name", "a@b.cn") != keys.index("email", "a@b.cn")


@given(text=text, kind=st.sampled_from(["name", "phone", "email", "id_number"]))
def test_any_text_has_an_index(keys: PersonalKeys, kind: str, text: str) -> None:
    assert keys.index(kind, text) == keys.index(kind, text)
