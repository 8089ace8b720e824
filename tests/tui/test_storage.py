"""Faults: killed writers, full and read-only disks, damaged files, versions, two processes."""

import contextlib
import json
import os
import random
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from tinydb import TinyDB

from routing.conversation import Usage
from routing.cost import Bill
from routing.decide import Decision, Neighbour
from tui.errors import StoreError
from tui.sessions import Conversation, Message, Session, Sessions
from tui.sessions import schema as schema_module
from tui.sessions.conversation import ended
from tui.sessions.schema import SCHEMA_VERSION, DamagedError, Tables, tables
from tui.sessions.storage import SessionStorage

FIXTURES = Path(__file__).parent / "fixtures"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "sessions")


def said(session: Session | Conversation) -> list[str]:
    return [message.text for message in session.branch()]


def written(sessions: Sessions, *texts: str) -> Path:
    """The file of a closed session with these messages."""
    session = sessions.create("t")
    for text in texts:
        session.add("user", text)
    session.close()
    return sessions.folder / f"{session.id}.json"


def backup(path: Path) -> Path:
    return path.with_name(f"{path.name}.bak")


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.corrupt-*"))


def child(script: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def output(script: str, *arguments: object) -> list[str]:
    """The lines that the script prints; it must succeed."""
    with child(script, *arguments) as process:
        lines, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return lines.splitlines()


# Damaged files


DAMAGES = {
    "empty": lambda content: b"",
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "garbage": lambda content: random.Random(1).randbytes(500),
    "bad UTF-8": lambda content: content.replace(b"one", b"\xff\xfe\xfd"),
    "another JSON": lambda content: b'[{"role": "user"}]',
    "no tables": lambda content: b"{}",
    "no version": lambda content: content.replace(b"schema_version", b"version"),
    "a row of another kind": lambda content: content.replace(b'"role":"user"', b'"role":"cat"'),
    "a row missing": lambda content: content.replace(b'"1":{"id"', b'"9":{"id"'),
    "a parent unknown": lambda content: content.replace(b'"parent":null', b'"parent":"x"'),
    "a row twice": lambda content: content.replace(b'"2":{"id"', b'"1":{"id"'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_is_kept_aside_and_its_backup_taken(sessions: Sessions, damage: str):
    path = written(sessions, "one", "two", "three")
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    (row,) = sessions.list()
    assert "damaged" in row.trouble
    session = sessions.open(path.stem)
    assert said(session) == ["one", "two"]
    assert not session.read_only
    assert "damaged" in session.trouble
    assert session.damage is not None
    assert session.damage.aside is not None
    assert aside(path) == [session.damage.aside]
    assert session.damage.aside.read_bytes() == damaged
    assert session.damage.aside.name in session.trouble
    session.add("user", "four")
    assert said(sessions.read(path.stem)) == ["one", "two", "four"]
    assert sessions.list()[0].trouble == ""


def test_lost_messages_are_named_where_they_can_be_made_out(sessions: Sessions):
    path = written(sessions, "one", "two", "three")
    last = sessions.read(path.stem).branch()[-1]
    path.write_bytes(path.read_bytes()[:-3])
    damage = sessions.open(path.stem).damage
    assert damage is not None
    assert damage.missing == (last.id,)
    assert "1 message(s) are missing" in str(damage)


def test_damaged_file_without_a_backup_is_kept_aside_and_said(sessions: Sessions):
    path = written(sessions, "one")
    assert not backup(path).exists()
    path.write_bytes(b"{")
    assert sessions.list()[0].trouble
    with pytest.raises(StoreError, match=r"damaged and has no readable backup.*corrupt-"):
        sessions.open(path.stem)
    assert [kept.read_bytes() for kept in aside(path)] == [b"{"]
    assert sessions.list() == []


def test_damaged_backup_is_not_taken(sessions: Sessions):
    path = written(sessions, "one", "two")
    for file in (path, backup(path)):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreError, match="no readable backup"):
        sessions.open(path.stem)


def test_reading_moves_nothing(sessions: Sessions):
    path = written(sessions, "one", "two")
    path.write_bytes(b"{")
    assert said(sessions.read(path.stem)) == ["one"]
    assert path.read_bytes() == b"{"
    assert aside(path) == []


def test_backup_is_the_content_before_the_last_write(sessions: Sessions):
    session = sessions.create()
    session.add("user", "one")
    path = sessions.folder / f"{session.id}.json"
    for text in ("two", "three"):
        before = path.read_bytes()
        session.add("user", text)
        assert backup(path).read_bytes() == before


def test_every_cut_of_a_file_is_noticed(sessions: Sessions):
    content = written(sessions, "one", "two").read_bytes()
    for length in range(len(content)):
        with pytest.raises(DamagedError):
            schema_module.conversation(content[:length])


# Versions


def test_session_of_version_1_opens_to_this_very_conversation(sessions: Sessions):
    sessions.folder.mkdir()
    name = "20260131T120000000000-0badcafe"
    (sessions.folder / f"{name}.json").write_bytes((FIXTURES / "session-v1.json").read_bytes())
    conversation = sessions.open(name).conversation
    assert (conversation.title, conversation.forked_from) == ("naïve “sort”", None)
    prompt = Message(
        id="20260131T120001000000-00000001",
        parent=None,
        role="user",
        text="naïve “sort”\n\x00\x1b[0m 😀",
        created="2026-01-31T12:00:01.000000Z",
    )
    decision = Decision(
        model="big",
        tier="strong",
        win_probability=0.77,
        threshold=0.42,
        reason="win probability 0.7700 ≥ threshold 0.4200.",
        neighbours=(Neighbour("prove it", "big", "mini", "a", 0.91, "starter"),),
        flip_share=0.2,
        decision_ms=14.5,
    )
    reply = Message(
        id="20260131T120002000000-00000002",
        parent=prompt.id,
        role="assistant",
        text="It is.",
        created="2026-01-31T12:00:02.000000Z",
        state="done",
        model="big",
        decision=decision,
        usage=Usage(1200, 300, 1000),
        bill=Bill(0.0131, 0.0131),  # what two models alone had, `other_usd`, is passed over
    )
    stopped = Message(
        id="20260131T120003000000-00000003",
        parent=prompt.id,
        role="assistant",
        text="It",
        created="2026-01-31T12:00:03.000000Z",
        state="cut",
        error="the connection broke",
    )
    assert list(conversation.messages.values()) == [prompt, reply, stopped]
    assert conversation.branch() == [prompt, reply]
    assert conversation.info().ledger.spent_usd == 0.0131


def test_new_files_have_the_version_of_the_newest_fixture(sessions: Sessions):
    path = written(sessions, "one")
    assert tables(path.read_bytes())["session"]["1"]["schema_version"] == SCHEMA_VERSION
    assert (FIXTURES / f"session-v{SCHEMA_VERSION}.json").exists()


def test_migrations_run_one_after_another():
    def split_title(old: Tables) -> Tables:
        header = old["session"]["1"]
        return old | {"session": {"1": header | {"words": header["title"].split()}}}

    def count_words(old: Tables) -> Tables:
        header = old["session"]["1"]
        return old | {"session": {"1": header | {"count": len(header["words"])}}}

    content = (FIXTURES / "session-v1.json").read_bytes()
    header = tables(content, {1: split_title, 2: count_words})["session"]["1"]
    assert (header["schema_version"], header["words"], header["count"]) == (
        3,
        ["naïve", "“sort”"],
        2,
    )


def test_a_migration_that_meets_the_unexpected_calls_the_file_damaged():
    content = (FIXTURES / "session-v1.json").read_bytes()
    with pytest.raises(DamagedError, match="'nothing'"):
        tables(content, {1: lambda old: old["nothing"]})


def test_file_of_a_newer_version_is_refused_untouched(sessions: Sessions):
    path = written(sessions, "one", "two")
    newer = path.read_bytes().replace(b'"schema_version":1', b'"schema_version":99')
    newer = newer.replace(b'"role":"user"', b'"who":{"is":"it"}')
    path.write_bytes(newer)
    before = {file.name: file.read_bytes() for file in path.parent.glob("2*")}
    with pytest.raises(StoreError, match=r"newer version of llmroute \(format 99"):
        sessions.open(path.stem)
    assert "newer version" in sessions.list()[0].trouble
    assert list(sessions.search("one")) == []
    assert {file.name: file.read_bytes() for file in path.parent.glob("2*")} == before


def test_file_is_one_that_tinydb_itself_reads(sessions: Sessions):
    path = written(sessions, "one", "two")
    with TinyDB(path, access_mode="r") as database:
        assert [row["text"] for row in database.table("messages").all()] == ["one", "two"]


def test_tinydb_writes_through_the_storage(tmp_path: Path):
    class Free:
        held = True

        def acquire(self) -> bool:
            return True

        def release(self) -> None:
            pass

    path = tmp_path / "x.json"
    storage = SessionStorage(path, Free())  # type: ignore[arg-type]
    content = tables((FIXTURES / "session-v1.json").read_bytes())
    storage.write(content)

    def fail_in_the_middle() -> None:
        with storage.batch():
            storage.write({})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle()
    assert storage.read() == content == json.loads(path.read_bytes())


# Permissions and links


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read(tmp_path: Path):
    umask = os.umask(0)
    try:
        sessions = Sessions(tmp_path / "data" / "sessions")
        path = written(sessions, "one", "two")
        gone = written(sessions, "three", "four")
        sessions.delete(gone.stem)
        path.write_bytes(path.read_bytes()[:-1])
        sessions.open(path.stem)
        sessions.list()
    finally:
        os.umask(umask)
    below = list(sessions.folder.rglob("*"))
    assert len(below) > 8
    for found in (sessions.folder, *below):
        assert mode(found) == (0o700 if found.is_dir() else 0o600), found


def test_a_folder_that_others_could_read_is_closed_to_them(sessions: Sessions):
    sessions.folder.mkdir(mode=0o755)
    written(sessions, "one")
    assert mode(sessions.folder) == 0o700


def test_a_link_is_replaced_and_what_it_points_to_is_left_alone(sessions: Sessions, tmp_path: Path):
    path = written(sessions, "one")
    outside = tmp_path / "outside.json"
    path.rename(outside)
    before = outside.read_bytes()
    path.symlink_to(outside)
    session = sessions.open(path.stem)
    session.add("user", "two")
    assert outside.read_bytes() == before
    assert not path.is_symlink()
    assert said(sessions.read(path.stem)) == ["one", "two"]


def test_the_folder_may_be_a_link(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sessions").symlink_to(tmp_path / "elsewhere")
    path = written(Sessions(tmp_path / "sessions"), "one")
    assert said(Sessions(tmp_path / "elsewhere").read(path.stem)) == ["one"]


READ_ONLY = """
import os, sys
from pathlib import Path
import filelock, tui.sessions, tui.errors
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)
sessions = tui.sessions.Sessions(Path("."))
(info,) = sessions.list()
session = sessions.open(info.id)
for act in (lambda: session.add("user", "more"), lambda: sessions.delete(info.id)):
    try:
        act()
    except tui.errors.StoreError as error:
        assert "Check the folder" in error.hint, error.hint
print(session.read_only, [m.text for m in session.branch()], session.trouble)
try:
    session.add("user", "more")
except tui.errors.StoreError as error:
    print(error)
try:
    sessions.create().add("user", "new")
except tui.errors.StoreError as error:
    print(error)
"""


def test_read_only_folder_can_be_read_and_says_so(sessions: Sessions):
    written(sessions, "one")
    for lock in (sessions.folder / "locks").iterdir():
        lock.unlink()
    (sessions.folder / "locks").rmdir()
    for found in (sessions.folder, *sessions.folder.iterdir()):
        if os.geteuid() == 0:
            os.chown(found, 65534, -1)
        found.chmod(0o500 if found.is_dir() else 0o400)
    try:
        opened, added, created = output(READ_ONLY, sessions.folder)
    finally:
        sessions.folder.chmod(0o700)
    assert opened == ("True ['one'] Its folder cannot be written (Permission denied).")
    assert "can only be read" in added
    assert "cannot be written" in created


# Full disks


FULL = """
import json, resource, signal, sys
from pathlib import Path
from tui.errors import StoreError
from tui.sessions import Sessions
sessions = Sessions(Path(sys.argv[1]))
session = sessions.create("t")
session.add("user", "first")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
stored = ["first"]
while True:
    text = f"{len(stored)} " + "x" * 900
    try:
        session.add("user", text)
    except StoreError as error:
        refused = error
        break
    stored.append(text)
path = sessions.folder / f"{session.id}.json"
on_disk = [m.text for m in sessions.read(session.id).branch()]
in_sight = [m.text for m in session.branch()]
print(json.dumps([str(refused), refused.hint, session.unsaved]))
print(json.dumps([on_disk == stored, in_sight == [*stored, text], len(stored)]))
try:
    session.update(session.branch()[0])
except StoreError:
    print("again")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
session.save()
on_disk = [m.text for m in sessions.read(session.id).branch()]
print(json.dumps([session.unsaved, on_disk == in_sight]))
print(sorted(p.name for p in sessions.folder.iterdir() if p.name.startswith(".")))
"""


def test_full_disk_leaves_the_former_file_whole_and_the_message_in_sight(tmp_path: Path):
    error, kept, again, saved, leftovers = output(FULL, tmp_path)
    message, hint, unsaved = json.loads(error)
    assert "The disk is full" in message
    assert "Free some space" in hint
    assert unsaved
    on_disk, in_sight, count = json.loads(kept)
    assert (on_disk, in_sight) == (True, True)
    assert count > 10
    assert again == "again"
    assert json.loads(saved) == [False, True]
    assert leftovers == "[]"


# Killed writers


WRITER = """
import json, random, sys
from dataclasses import replace
from pathlib import Path
from tui.sessions import Sessions
sessions, rng = Sessions(Path(sys.argv[1])), random.Random(int(sys.argv[2]))
session = sessions.open(sys.argv[3])
def tell(message):
    print(json.dumps([message.id, message.text, message.state]), flush=True)
assert not session.trouble, session.trouble
print("ready", flush=True)
while True:
    tell(session.add("user", "é" * rng.randrange(4000)))
    reply = session.add("assistant", "", state="streaming")
    for part in range(3):
        reply = session.update(replace(reply, text=reply.text + str(part) * rng.randrange(4000)))
        tell(reply)
    tell(session.update(replace(reply, state="done")))
"""


def killed(folder: Path, seed: int, session_id: str) -> list[tuple[str, str, str]]:
    """What a writer acknowledged (id, text, state) before it was killed in a write."""
    rng = random.Random(seed)
    with child(WRITER, folder, seed, session_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begun = time.perf_counter()
        lines = [process.stdout.readline() for _ in range(rng.randint(1, 3))]
        one_write = (time.perf_counter() - begun) / len(lines)
        time.sleep(rng.uniform(0, one_write))
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    return [tuple(json.loads(line)) for line in lines if line.endswith("\n")]


def check_last_writer(stored: Mapping[str, Message], told: list[tuple[str, str, str]]) -> None:
    """All that it acknowledged is there; its last message may be one write ahead of that."""
    newest = {message_id: (text, state) for message_id, text, state in told}
    for message_id, (text, state) in newest.items():
        found = stored[message_id]
        if message_id != told[-1][0]:
            assert (found.text, found.state) == (text, state)
        else:
            assert found.text.startswith(text)
            assert found.state in {state, "done"}


def test_killed_writers_lose_nothing_that_they_acknowledged(sessions: Sessions):
    path = written(sessions, "long " * 400_000)  # so that a good part of the time goes into writes
    before = sessions.read(path.stem).messages
    for seed in range(20):
        told = killed(sessions.folder, seed, path.stem)
        stored = sessions.read(path.stem).messages
        for earlier in before.values():
            assert stored[earlier.id] in (earlier, ended(earlier))
        check_last_writer(stored, told)
        assert len(stored) - len(before) - len({line[0] for line in told}) in {0, 1}
        before = stored
    session = sessions.open(path.stem)
    assert session.trouble == ""
    assert aside(path) == []
    assert list(session.conversation.messages) == [m.id for m in session.branch()]


# Two processes


HOLDER = """
import sys
from pathlib import Path
from tui.sessions import Sessions
session = Sessions(Path(sys.argv[1])).open(sys.argv[2])
print(session.read_only, flush=True)
for line in sys.stdin:
    session.add("user", line.strip())
    print("stored", flush=True)
"""


@contextmanager
def holder(sessions: Sessions, session_id: str) -> Iterator["subprocess.Popen[str]"]:
    with child(HOLDER, sessions.folder, session_id) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
        yield process
        process.kill()


def test_another_process_can_read_and_fork_but_not_write(sessions: Sessions):
    path = written(sessions, "one")
    with holder(sessions, path.stem) as process:
        second = sessions.open(path.stem)
        assert second.read_only
        assert "open in another window" in second.trouble
        with pytest.raises(StoreError):
            second.add("user", "mine")
        with pytest.raises(StoreError):
            sessions.delete(path.stem)
        fork = sessions.fork(second)
        fork.add("user", "mine")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("theirs\n")
        process.stdin.flush()
        assert process.stdout.readline() == "stored\n"
        assert said(sessions.read(path.stem)) == ["one", "theirs"]
        assert said(sessions.read(fork.id)) == ["one", "mine"]
    assert not sessions.open(path.stem).read_only  # the system freed the dead holder's lock


MANY = """
import sys
from pathlib import Path
from tui.sessions import Sessions
sessions = Sessions(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    session = sessions.create()
    session.add("user", f"{sys.argv[2]} {number}")
    sessions.list()
    session.add("user", "more")
    session.close()
    sessions.list()
"""


def test_two_processes_lose_no_row_of_the_index(sessions: Sessions):
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(child(MANY, sessions.folder, name)) for name in "ab"]
        for process in both:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in both:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in both] == [0, 0]
    rows = sessions.list()
    assert sorted(row.title for row in rows) == sorted(f"{n} {i}" for n in "ab" for i in range(20))
    assert {row.messages for row in rows} == {2}
    kept = json.loads((sessions.folder / "index.json").read_bytes())["rows"]
    assert len(kept) == 40
    (sessions.folder / "index.json").unlink()
    assert sessions.list() == rows
