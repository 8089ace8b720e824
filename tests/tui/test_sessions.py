import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.conversation import Turn, Usage
from routing.cost import Bill, Ledger
from routing.decide import Candidate, Decision, Neighbour
from tui.errors import StoreError, UsageError
from tui.screens.slash import export_place
from tui.sessions import Message, Session, Sessions, to_json, to_markdown, total, write_export

WEAK = Decision(
    model="weak",
    tier="weak",
    win_probability=0.18,
    threshold=0.42,
    reason="win probability 0.1800 < threshold 0.4200.",
    neighbours=(Neighbour("my private prompt", "big", "weak", "tie", 0.91, "mine", "b1"),),
    flip_share=0.77,
    decision_ms=14.0,
    candidates=(Candidate("big", "strong"), Candidate("weak", "weak", 0.18)),
)
STRONG = replace(
    WEAK,
    model="big",
    tier="strong",
    win_probability=0.9,
    pinned=True,
    candidates=(Candidate("big", "strong"), Candidate("weak", "weak", 0.9)),
)
DOLLARS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
TOKENS = Usage(prompt_tokens=100, completion_tokens=20, cached_tokens=10)


class Clock:
    """Time that moves a second at each look."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "data" / "sessions", clock=Clock())


def talk(session: Session, *prompts: str) -> Session:
    for prompt in prompts:
        session.add("user", prompt)
        reply = session.add("assistant", "", state="streaming", decision=WEAK)
        bill = Bill(cost_usd=0.5, all_strong_usd=2.0, others_usd={"big": 2.0})
        text = f"about {prompt}"
        session.update(replace(reply, text=text, state="done", usage=TOKENS, bill=bill))
    return session


def closed(session: Session) -> str:
    session.close()
    return session.id


def texts(session: Session) -> list[str]:
    return [message.text for message in session.branch()]


# Messages and branches


def test_what_was_added_is_read_back_field_by_field(sessions: Sessions):
    session = talk(sessions.create(), "one", "two")
    expected = session.branch()
    assert expected[1].decision == WEAK
    assert expected[1].model == "weak"
    assert expected[1].usage == TOKENS
    opened = sessions.open(closed(session))
    assert opened.branch() == expected
    assert opened.conversation == session.conversation
    assert not opened.read_only
    assert opened.trouble == ""


def test_no_file_before_the_first_message(sessions: Sessions):
    session = sessions.create("a title")
    session.rename("another")
    assert not sessions.folder.exists()
    assert sessions.list() == []
    session.add("user", "hello")
    assert [info.title for info in sessions.list()] == ["another"]


def test_message_is_on_disk_when_add_returns(sessions: Sessions):
    session = sessions.create()
    prompt = session.add("user", "hello")
    assert sessions.read(session.id).branch() == [prompt]


def test_editing_makes_a_branch_and_the_old_one_stays(sessions: Sessions):
    session = talk(sessions.create(), "one", "two")
    old = session.branch()
    session.add("user", "two, better", beside=old[2].id)
    assert texts(session) == ["one", "about one", "two, better"]
    again = session.add("assistant", "other words", state="done", decision=STRONG)
    assert [m.text for m in session.siblings(old[2].id)] == ["two", "two, better"]
    session.set_head(old[2].id)
    assert session.branch() == old
    session = sessions.open(closed(session))
    assert session.branch() == old
    session.set_head(old[1].id)
    assert session.branch()[-1] == again


def test_the_very_first_prompt_has_siblings_too(sessions: Sessions):
    session = talk(sessions.create(), "one")
    first = session.branch()[0]
    session.add("user", "instead", beside=first.id)
    assert texts(session) == ["instead"]
    assert [m.text for m in session.siblings(first.id)] == ["one", "instead"]


def test_unknown_messages_are_refused(sessions: Sessions):
    session = talk(sessions.create(), "one")
    reply = session.branch()[1]
    with pytest.raises(ValueError, match="no message 'x'"):
        session.add("user", "two", beside="x")
    with pytest.raises(ValueError, match="no message 'x'"):
        session.update(replace(reply, id="x"))
    with pytest.raises(ValueError, match="another parent"):
        session.update(replace(reply, parent=None))
    with pytest.raises(ValueError, match="no message 'x'"):
        session.set_head("x")


def test_what_no_file_can_give_back_is_refused_and_nothing_changes(sessions: Sessions):
    session = talk(sessions.create(), "one")
    before = session.conversation
    with pytest.raises(ValueError, match="cannot be stored"):
        session.add("assistant", "", decision=replace(WEAK, decision_ms=float("nan")))
    with pytest.raises(ValueError, match="cannot be stored"):
        session.add("tool", "")  # type: ignore[arg-type]
    assert session.conversation == before


def test_a_reply_that_was_streaming_when_the_program_died_opens_as_cut(sessions: Sessions):
    session = sessions.create()
    session.add("user", "one")
    session.add("assistant", "half a", state="streaming", decision=WEAK)
    reader = sessions.open(session.id)
    assert reader.branch()[-1].state == "streaming"
    opened = sessions.open(closed(session))
    assert opened.branch()[-1].state == "cut"
    assert opened.branch()[-1].text == "half a"
    assert not opened.unsaved
    opened.add("user", "go on")
    assert [m.state for m in sessions.read(opened.id).branch()] == ["sent", "cut", "sent"]


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("how do I sort?", "how do I sort?"),
        ("\n\n  two\tlines\nof it", "two lines of it"),
        ("look at @notes.txt\nplease\n\nnotes.txt:\n```\nx\n```", "look at @notes.txt please"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07text", "red text"),
        ("x" * 200, "x" * 59 + "…"),
        ("\ud800[/foo]", "\N{REPLACEMENT CHARACTER}[/foo]"),
    ],
)
def test_title_is_the_first_prompt_on_one_clean_line(sessions: Sessions, prompt: str, title: str):
    session = sessions.create()
    session.add("system", "be brief")
    session.add("user", prompt)
    session.add("user", "another")
    assert session.info.title == title
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in session.info.title)


def test_a_blank_title_gives_back_the_first_prompts(sessions: Sessions):
    session = talk(sessions.create("mine"), "one")
    assert session.info.title == "mine"
    session.rename("  ")
    assert session.info.title == "one"


def test_surrogates_are_cleaned_where_they_stand_alone_and_joined_in_pairs(sessions: Sessions):
    session = sessions.create()
    message = session.add("user", "a\ud800b \ud83d\ude00 \x00\x1b\x7f")
    assert message.text == "a\N{REPLACEMENT CHARACTER}b \N{GRINNING FACE} \x00\x1b\x7f"
    odd = replace(WEAK, reason="\udfff", neighbours=(replace(WEAK.neighbours[0], prompt="\ud800"),))
    reply = session.add("assistant", "", decision=odd)
    assert sessions.read(session.id).branch() == [message, reply]


def test_a_message_of_a_megabyte_is_kept(sessions: Sessions):
    session = sessions.create()
    message = session.add("user", "é\n" * 500_000)
    assert sessions.open(closed(session)).branch() == [message]


@settings(max_examples=60)
@given(
    text=st.text(st.characters(exclude_categories=())),
    error=st.none() | st.text(),
    usage=st.none() | st.builds(Usage, *[st.integers(0, 2**53)] * 3, st.booleans()),
    probability=st.none() | st.floats(0, 1),
    bill=st.builds(Bill, DOLLARS, DOLLARS, st.dictionaries(st.text(), DOLLARS)),
)
def test_any_message_is_read_back_as_it_was_returned(
    text: str,
    error: str | None,
    usage: Usage | None,
    probability: float | None,
    bill: Bill,
):
    with TemporaryDirectory() as folder:
        sessions = Sessions(Path(folder))
        session = sessions.create()
        decision = replace(WEAK, win_probability=probability)
        added = session.add("assistant", text, decision=decision)
        stored = session.update(replace(added, error=error, usage=usage, bill=bill))
        assert sessions.read(closed(session)).branch() == [stored]
        assert (stored.error, stored.usage, stored.bill) == (error, usage, bill)
        if not any("\ud800" <= c <= "\udfff" for c in text):
            assert stored.text == text


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "beside", "update", "head"]), st.integers(0, 99)),
        max_size=15,
    )
)
def test_any_order_of_changes_is_read_back(steps: list[tuple[str, int]]):
    """Against a model: parents in a plain dict, and the head."""
    with TemporaryDirectory() as folder:
        sessions = Sessions(Path(folder))
        session = sessions.create()
        first = session.add("user", "0")
        parents: dict[str, str | None] = {first.id: None}
        said = {first.id: "0"}
        for step, number in steps:
            target = list(parents)[number % len(parents)]
            if step in {"add", "beside"}:
                tip = session.branch()[-1].id
                beside = target if step == "beside" else None
                new = session.add("user", str(number), beside=beside)
                parents[new.id] = parents[target] if beside else tip
                said[new.id] = str(number)
                assert session.branch()[-1] == new
            elif step == "update":
                session.update(replace(session.conversation.messages[target], text=f"u{number}"))
                said[target] = f"u{number}"
            else:
                session.set_head(target)
                assert target in [m.id for m in session.branch()]
        stored = sessions.read(closed(session))
        assert {m.id: m.parent for m in stored.messages.values()} == parents
        assert {m.id: m.text for m in stored.messages.values()} == said
        assert stored == session.conversation


# The folder


def test_list_names_the_last_changed_first(sessions: Sessions):
    first, second = talk(sessions.create(), "one"), talk(sessions.create(), "two")
    assert [info.id for info in sessions.list()] == [second.id, first.id]
    first.add("user", "more")
    rows = sessions.list()
    assert [info.id for info in rows] == [first.id, second.id]
    assert rows == [first.info, second.info]
    assert (rows[0].messages, rows[0].models, rows[0].preview) == (3, ("weak",), "more")


def test_an_id_that_is_none_reaches_no_file(sessions: Sessions):
    for name in ("../outside", "", "index", "20260131T120001000000-0000000"):
        with pytest.raises(StoreError, match="is not the id of a session"):
            sessions.open(name)
    with pytest.raises(StoreError, match="There is no session"):
        sessions.open("20260131T120001000000-00000000")
    assert not sessions.folder.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version":1,"rows":{"x":[1]}}', None])
def test_index_is_made_again_where_it_is_missing_or_garbled(
    sessions: Sessions, content: bytes | None
):
    talk(sessions.create(), "one")
    expected = sessions.list()
    index = sessions.folder / "index.json"
    good = index.read_bytes()
    if content is None:
        index.unlink()
    else:
        index.write_bytes(content)
    assert sessions.list() == expected
    assert index.read_bytes() == good


def test_an_index_that_is_behind_is_brought_up_to_date(sessions: Sessions):
    session, gone = talk(sessions.create(), "one"), talk(sessions.create(), "two")
    sessions.list()
    old = (sessions.folder / "index.json").read_bytes()
    session.rename("renamed")
    sessions.delete(closed(gone))
    new = talk(sessions.create(), "three")
    sessions.list()
    (sessions.folder / "index.json").write_bytes(old)
    assert [info.title for info in sessions.list()] == ["three", "renamed"]
    assert [info.id for info in sessions.list(trash=True) if info.deleted] == [gone.id]
    assert new.info in sessions.list()


def test_a_deleted_session_comes_back_whole(sessions: Sessions):
    session = talk(sessions.create(), "one", "two")
    with pytest.raises(StoreError, match="open in another window"):
        sessions.delete(session.id)
    before = session.conversation
    sessions.delete(closed(session))
    assert sessions.list() == []
    assert [info.deleted for info in sessions.list(trash=True)] == [True]
    assert list(sessions.search("one")) == []
    with pytest.raises(StoreError, match="There is no session"):
        sessions.open(session.id)
    sessions.restore(session.id)
    assert sessions.read(session.id) == before
    with pytest.raises(StoreError, match="in trash"):
        sessions.restore(session.id)


def test_trash_is_purged_after_its_time_and_not_before(tmp_path: Path):
    clock = Clock()
    clock.moment = datetime.now(UTC)
    sessions = Sessions(tmp_path, clock=clock)
    kept, gone = talk(sessions.create(), "one"), talk(sessions.create(), "two")
    kept.close()
    sessions.delete(closed(gone))
    half_written = tmp_path / f".{kept.id}.json.a1b2c3"
    half_written.touch()
    assert sessions.purge() == 0
    assert half_written.exists()
    clock.moment += timedelta(days=31)
    assert sessions.purge() == 1
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {f"{kept.id}.json", f"{kept.id}.json.bak", f"{kept.id}.lock"}


def test_rename_of_a_session_that_is_not_open(sessions: Sessions):
    session = talk(sessions.create(), "one")
    with pytest.raises(StoreError, match="can only be read"):
        sessions.rename(session.id, "x")
    sessions.rename(closed(session), "new\nname")
    assert [info.title for info in sessions.list()] == ["new name"]


def test_second_opener_reads_and_may_fork(sessions: Sessions):
    first = talk(sessions.create(), "one")
    second = sessions.open(first.id)
    assert second.read_only
    assert "open in another window" in second.trouble
    with pytest.raises(StoreError, match="open in another window"):
        second.add("user", "mine")
    assert texts(second) == ["one", "about one"]
    fork = sessions.fork(second)
    fork.add("user", "mine")
    assert texts(sessions.open(closed(fork))) == ["one", "about one", "mine"]
    assert texts(first) == ["one", "about one"]


def test_closed_session_lets_the_next_one_write(sessions: Sessions):
    first = talk(sessions.create(), "one")
    first.close()
    with pytest.raises(StoreError, match="closed"):
        first.add("user", "late")
    second = sessions.open(first.id)
    second.add("user", "two")
    assert texts(second)[-1] == "two"


def test_fork_copies_the_branch_up_to_a_message(sessions: Sessions):
    session = talk(sessions.create(), "one", "two")
    old = session.branch()
    fork = sessions.fork(session, at=old[1].id)
    assert texts(fork) == ["one", "about one"]
    assert fork.conversation.forked_from == session.id
    again = sessions.fork(fork)
    assert fork.conversation.title == again.conversation.title == "Fork of one"
    assert sessions.read(fork.id) == fork.conversation
    with pytest.raises(ValueError, match="no message"):
        sessions.fork(session, at="x")
    with pytest.raises(StoreError, match="nothing to fork"):
        sessions.fork(sessions.create())


def test_temporary_chat_is_the_same_and_never_on_disk(sessions: Sessions):
    session = talk(sessions.create(temporary=True), "one")
    session.rename("t")
    session.save()
    assert session.temporary
    assert session.info.ledger.spent_usd == 0.5
    session.close()
    assert not sessions.folder.exists()
    fork = sessions.fork(session)
    assert texts(fork) == ["one", "about one"]
    assert fork.info.ledger.spent_usd == 0.5


# Costs


def test_costs_by_day_and_model_count_every_branch_once(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TZ", "UTC+13")  # west of Greenwich: noon there is still yesterday here
    time.tzset()
    session = talk(sessions.create(), "one", "two")
    reply = session.branch()[1]
    again = session.add("assistant", "again", state="done", decision=STRONG, beside=reply.id)
    session.update(replace(again, usage=TOKENS, bill=Bill(2.0, 2.0, {"mini": 0.5})))
    sessions.fork(session).close()
    sessions.delete(closed(session))
    rows = [cost for info in sessions.list(trash=True) for cost in info.costs]
    assert [(cost.day, cost.model) for cost in rows] == [
        ("2026-01-30", "big"),
        ("2026-01-30", "weak"),
    ]
    assert total(cost.ledger for cost in rows) == Ledger(
        spent_usd=3.0,
        all_strong_usd=6.0,
        compared_usd=3.0,
        strong_turns=1,
        weak_turns=2,
        prompt_tokens=300,
        completion_tokens=60,
        cached_tokens=30,
    )
    monkeypatch.undo()
    time.tzset()


def test_total_of_nothing_is_nothing():
    assert total([]) == Ledger()


# Search


def test_search_finds_all_words_in_any_case(sessions: Sessions):
    session = talk(sessions.create("Talk"), "The QUICK brown fox\nÉCOLE ΟΔΟΣ", "a slow fox")
    found = {message.text: message.id for message in session.branch()}
    hits = list(sessions.search("FOX quick"))
    assert [hit.message for hit in hits] == [
        found["The QUICK brown fox\nÉCOLE ΟΔΟΣ"],
        found["about The QUICK brown fox\nÉCOLE ΟΔΟΣ"],
    ]
    snippet = hits[0].snippet
    assert snippet == "The QUICK brown fox ÉCOLE ΟΔΟΣ"
    assert [snippet[a:b] for a, b in hits[0].matches] == ["QUICK", "fox"]
    for query in ("école", "οδος", "École Fox", "ΟΔΟς"):
        assert len(list(sessions.search(query))) == 2
    assert list(sessions.search("quick slow")) == []
    assert list(sessions.search("  ")) == []


def test_search_finds_titles_and_nothing_but_text(sessions: Sessions):
    session = talk(sessions.create("About sorting"), "x")
    (hit,) = sessions.search("sorting")
    assert (hit.session, hit.message, hit.snippet) == (session.id, None, "About sorting")
    for query in ("assistant", "private", "schema_version", "streaming"):
        assert list(sessions.search(query)) == []


@pytest.mark.parametrize(
    "word", ['say "hi"', "back\\slash", "tab\there", "50%", "(a+b)*", "ß", "😀"]
)
def test_search_finds_what_json_and_patterns_write_in_another_way(sessions: Sessions, word: str):
    talk(sessions.create("t"), f"before {word} after")
    assert len(list(sessions.search(word))) == 2


def test_snippet_is_the_surroundings_of_the_first_match(sessions: Sessions):
    session = sessions.create("t")
    session.add("user", "\x1b" * 500 + " needle " + "z" * 500 + " needle")
    (hit,) = sessions.search("needle")
    assert (hit.snippet[0], hit.snippet[-1]) == ("…", "…")
    assert len(hit.snippet) <= 92
    assert hit.snippet.isprintable()
    assert [hit.snippet[a:b] for a, b in hit.matches] == ["needle"]


def test_snippet_is_where_the_words_stand_together(sessions: Sessions):
    lines = "\n".join(f"comment number {number}" for number in range(900))
    sessions.create("t").add("user", lines)
    (hit,) = sessions.search("Comment  number 777")
    assert "776 comment number 777 comment number 778" in hit.snippet
    assert [hit.snippet[a:b] for a, b in hit.matches] == ["comment number 777"]
    (hit,) = sessions.search("777 comment number")
    assert [hit.snippet[a:b] for a, b in hit.matches] == ["777 comment number"]
    (hit,) = sessions.search("3 comment 1")
    assert {hit.snippet[a:b] for a, b in hit.matches} == {"comment", "1", "3"}


def test_overlapping_matches_are_one(sessions: Sessions):
    sessions.create("t").add("user", "abcd")
    (hit,) = sessions.search("abc bcd abcd")
    assert hit.matches == ((0, 4),)


def test_search_stops_when_asked(sessions: Sessions):
    for number in range(3):
        talk(sessions.create("t"), f"needle {number}")
    asked = iter([False, True])
    hits = list(sessions.search("needle", stop=lambda: next(asked)))
    assert len({hit.session for hit in hits}) == 1


@settings(max_examples=50)
@given(st.text(), st.text(min_size=1), st.text())
def test_search_misses_no_message(before: str, word: str, after: str):
    with TemporaryDirectory() as folder:
        sessions = Sessions(Path(folder))
        session = sessions.create("t")
        session.add("user", before + word + after)
        session.close()
        found = [hit for hit in sessions.search(word) if hit.message]
        assert len(found) == (1 if word.split() else 0)


def test_all_messages_are_read_past_a_damaged_session(sessions: Sessions):
    damaged = talk(sessions.create(), "one")
    kept = talk(sessions.create(), "two")
    for path in (sessions.folder / f"{damaged.id}.json").parent.glob(f"{damaged.id}.json*"):
        path.write_bytes(b"")
    assert [m.text for m in sessions.messages()] == texts(kept)


# Exports


def test_markdown_is_the_branch_under_its_routes(sessions: Sessions):
    session = talk(sessions.create("T"), "one")
    session.add("assistant", "half", state="stopped", decision=STRONG)
    assert to_markdown(session.conversation) == (
        "# T\n\n"
        "## You · 2026-01-31 12:00 UTC\n\none\n\n"
        "## [W] weak · weak · 2026-01-31 12:00 UTC · $0.5000\n\nabout one\n\n"
        "## [S] strong · big · 2026-01-31 12:00 UTC · stopped\n\nhalf\n"
    )


def test_exports_hold_no_path_and_nothing_of_other_conversations(sessions: Sessions):
    session = sessions.create()
    session.add("user", "one")
    model = "local//home/someone/models/tiny"
    here = replace(WEAK, model=model, reason=f"{model} is nearest to “my private prompt”")
    reply = session.add("assistant", "hi", decision=here)
    session.update(replace(reply, state="failed", error="/home/someone/.config: no such key"))
    both = to_json(session.conversation) + to_markdown(session.conversation)
    assert "/home" not in both
    assert "private" not in both
    assert "local/tiny" in both


def test_new_session_has_the_instructions_and_no_file(tmp_path: Path):
    sessions = Sessions(tmp_path, instructions="be brief")
    session = sessions.create()
    assert session.conversation.instructions == "be brief"
    assert not list(tmp_path.glob("*.json"))
    session.add("user", "hi")
    assert sessions.read(session.id).turns_to(None)[0] == Turn("system", "be brief")


def test_exported_file_is_named_after_the_title(sessions: Sessions, tmp_path: Path):
    session = sessions.create("Où est ../la gare? [/foo]")
    session.add("user", "one")
    tail = session.id[-8:]
    assert (
        write_export(session.conversation, tmp_path, "md").name == f"où-est-la-gare-foo-{tail}.md"
    )
    nameless = sessions.create().conversation
    assert write_export(nameless, tmp_path, "json").name == f"conversation-{nameless.id[-8:]}.json"
    with pytest.raises(StoreError, match="cannot be written"):
        write_export(nameless, tmp_path / "nowhere" / "it.md", "md")


def test_export_takes_the_file_it_is_given_and_no_other(sessions: Sessions, tmp_path: Path):
    conversation = sessions.create("a title").conversation
    file = tmp_path / "notes.md"
    assert write_export(conversation, *export_place(str(file))) == file
    assert file.read_text().startswith("# a title")
    with pytest.raises(StoreError, match=r"notes\.md already exists"):
        write_export(conversation, file, "md")
    assert export_place("").kind == "md"
    assert export_place("json") == (Path.cwd(), "json")
    assert export_place("~/it.json") == (Path.home() / "it.json", "json")
    for wrong in ("pdf", "it.pdf"):
        with pytest.raises(UsageError, match="is no export"):
            export_place(wrong)


def test_json_export_holds_every_branch(sessions: Sessions):
    session = talk(sessions.create(), "one")
    session.add("user", "other", beside=session.branch()[0].id)
    exported = json.loads(to_json(session.conversation))
    assert [m["text"] for m in exported["messages"]] == ["one", "about one", "other"]
    assert exported["messages"][1]["bill"]["cost_usd"] == 0.5
    assert exported["messages"][1]["decision"]["win_probability"] == 0.18
    assert exported["head"] == session.branch()[-1].id


# Threads, and what is imported


def test_readers_see_whole_branches_while_another_thread_writes(sessions: Sessions):
    session = sessions.create()
    session.add("user", "0")
    seen: list[list[Message]] = []
    done = threading.Event()

    def write() -> None:
        for number in range(1, 40):
            session.add("user", str(number))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        seen.append(session.branch())
        done.wait(0.001)
    writer.join()
    assert len(seen) > 1
    for branch in seen:
        assert [message.text for message in branch] == [str(n) for n in range(len(branch))]


def test_adding_from_two_threads_loses_nothing(sessions: Sessions):
    session = sessions.create()

    def write(name: str) -> None:
        for number in range(15):
            session.add("user", f"{name}{number}")

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    stored = sessions.read(session.id)
    assert {m.text for m in stored.branch()} == {f"{name}{n}" for name in "ab" for n in range(15)}


def test_importing_the_store_loads_nothing_heavy():
    script = (
        "import sys, tui.sessions;"
        "heavy = {'numpy', 'pydantic', 'textual', 'litellm', 'filelock', 'rich', 'typer'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
