"""`llmroute ask` against a server on loopback: what it prints, stores, bills and returns."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from routing.calibrate import Calibration
from routing.library import Library
from routing.models import Pool
from tests.servers import CACHED_TOKENS, PROMPT_TOKENS, REPLY, ScriptedServer
from tests.tui.conftest import Run
from tui.paths import paths
from tui.sessions import Sessions

Serve = Callable[..., ScriptedServer]
SECRET = "sk-never-show-this-4f9a2b7c"


def at(server: ScriptedServer) -> list[str]:
    return ["--strong", "openai/big", "--weak", "openai/small", "--api-base", server.url]


def stored(home: Path) -> list:
    sessions = Sessions(paths({"LLMROUTE_HOME": str(home)}).sessions)
    return [sessions.read(row.id).branch() for row in sessions.list()]


def test_answer_is_on_stdout_and_the_route_on_stderr(serve: Serve, run: Run):
    code, out, err = run("ask", *at(serve()), "--pin", "weak", "six times seven?")
    assert (code, out) == (0, f"{REPLY}\n")
    assert "[W] weak" in err
    assert "openai/small" in err
    assert "(pinned)" in err


def test_nothing_stands_between_the_answer_and_what_it_cost(run: Run):
    code, out, err = run("ask", "--demo", "-m", "weak", "hello there")
    assert code == 0
    assert out.endswith(".\n")
    assert not out.endswith("\n\n")
    assert [line[:1] for line in err.splitlines()] == ["[", "$"]
    assert "saved" not in run("ask", "--demo", "-m", "strong", "hello there")[2]


def test_unknown_price_says_how_to_set_it(serve: Serve, run: Run):
    _, _, err = run("ask", *at(serve()), "-m", "weak", "hello")
    assert "$? (" in err
    assert "llmroute models price openai/small" in err


def test_json_holds_the_decision_the_usage_and_the_bill(serve: Serve, run: Run, home: Path):
    (home / "settings.toml").write_text(
        '[models."openai/big"]\nprompt_price = 10\ncompletion_price = 30\ncached_price = 1\n'
        '[models."openai/small"]\nprompt_price = 1\ncompletion_price = 2\ncached_price = 0.5\n'
    )
    code, out, _ = run("ask", *at(serve()), "--pin", "weak", "--json", "six times seven?")
    answer = json.loads(out)
    usage = answer["usage"]
    fresh = PROMPT_TOKENS - CACHED_TOKENS
    weak = (fresh * 1 + CACHED_TOKENS * 0.5 + usage["completion_tokens"] * 2) / 1e6
    strong = (fresh * 10 + CACHED_TOKENS * 1 + usage["completion_tokens"] * 30) / 1e6
    assert code == 0
    assert (answer["answer"], answer["model"], answer["tier"]) == (REPLY, "openai/small", "weak")
    assert usage["prompt_tokens"] == PROMPT_TOKENS
    assert answer["cost_usd"] == pytest.approx(weak)
    assert answer["all_strong_usd"] == pytest.approx(strong)
    assert answer["saved_usd"] == pytest.approx(strong - weak)
    assert {"win_probability", "threshold", "reason", "decision_ms"} <= answer.keys()


def test_json_of_three_models_gives_the_number_that_its_reason_names(run: Run):
    pool = ["--pool", "demo/strong,demo/middle,demo/weak"]
    for question in ("hello", "count the lines of this file", "prove it by induction"):
        answer = json.loads(run("ask", *pool, "--dry-run", "--json", question)[1])
        assert f"win probability {answer['win_probability']:.4f}" in answer["reason"]


def test_unknown_price_is_null_and_never_zero(serve: Serve, run: Run):
    _, out, _ = run("ask", *at(serve()), "--pin", "strong", "--json", "hello")
    answer = json.loads(out)
    assert (answer["cost_usd"], answer["saved_usd"]) == (None, None)


@pytest.mark.parametrize(
    ("mode", "code", "word"),
    [
        ("401", 4, "key"),
        ("404", 8, "openai/small"),
        ("429", 5, "7"),
        ("500", 8, "openai/small"),
        ("overflow", 7, "token"),
        ("hang", 6, "openai"),
        ("cut", 8, "cut"),
        ("garbage", 8, "openai/small"),
    ],
)
def test_each_failure_has_its_message_and_exit_code(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch, *, mode: str, code: int, word: str
):
    monkeypatch.setenv("MY_KEY", SECRET)
    seconds = "0.5" if mode == "hang" else "20"
    options = [*at(serve(mode)), "--key-name", "MY_KEY", "--pin", "weak", "--timeout", seconds]
    got, out, err = run("ask", *options, "hello")
    assert got == code
    assert word in err
    assert "Traceback" not in err
    assert SECRET not in out + err


def test_dead_port_is_the_network(run: Run):
    options = ["--strong", "openai/a", "--weak", "openai/b", "--api-base", "http://127.0.0.1:9/v1"]
    code, _, err = run("ask", *options, "--pin", "weak", "hello")
    assert code == 6
    assert "127.0.0.1:9" in err


def test_key_is_sent_and_stands_in_no_file(
    serve: Serve, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MY_KEY", SECRET)
    server = serve()
    run("ask", *at(server), "--key-name", "MY_KEY", "--pin", "weak", "hello")
    assert server.requests[0].key == SECRET
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_missing_key_is_exit_code_3(run: Run):
    code, _, err = run(
        "ask", "--strong", "openai/gpt-4o", "--weak", "openai/gpt-4o-mini", "--pin", "weak", "hello"
    )
    assert code == 3
    assert "OPENAI_API_KEY" in err


def test_no_pair_is_a_usage_error_that_names_the_demo(run: Run):
    code, _, err = run("ask", "hello")
    assert code == 2
    assert "--demo" in err


def test_no_question_is_a_usage_error(run: Run):
    assert run("ask", "--demo")[0] == 2


def test_binary_on_stdin_is_refused_in_words(run: Run, monkeypatch: pytest.MonkeyPatch):
    class Pipe:
        buffer = io.BytesIO(b"\x89PNG\r\n\x1a\n\x00\xff")

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Pipe())
    code, _, err = run("ask", "--demo", "what is this?")
    assert code == 2
    assert "standard input is not text" in err


def test_script_reads_one_object_whatever_is_wrong(run: Run, home: Path):
    for given in (["-f", "no-such-file", "hi"], ["--session", "none", "hi"], []):
        code, out, err = run("ask", "--demo", "--json", *given)
        assert code == 2
        assert json.loads(out)["error"]["message"] in err
    (home / "settings.toml").write_text("share = 7")
    code, out, _ = run("ask", "--demo", "--json", "hi")
    assert code == 2
    assert "line 1" in json.loads(out)["error"]["message"]


def test_file_stands_under_the_question_with_its_name(serve: Serve, run: Run, tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("buy milk")
    server = serve()
    run("ask", *at(server), "--pin", "weak", "-f", str(file), "what to buy?")
    sent = server.requests[0].body["messages"][-1]["content"]
    assert sent == "what to buy?\n\nnotes.txt:\n```\nbuy milk\n```"


def test_turn_is_kept_with_its_route_and_bill(serve: Serve, run: Run, home: Path):
    run("ask", *at(serve()), "--pin", "weak", "six times seven?")
    ((said, reply),) = stored(home)
    assert (said.role, said.text) == ("user", "six times seven?")
    assert (reply.text, reply.state, reply.model) == (REPLY, "done", "openai/small")
    assert reply.decision.pinned
    assert reply.usage.prompt_tokens == PROMPT_TOKENS


def test_cut_reply_is_kept_as_far_as_it_came(serve: Serve, run: Run, home: Path):
    run("ask", *at(serve("cut")), "--pin", "weak", "hello")
    ((_, reply),) = stored(home)
    assert reply.state == "cut"
    assert reply.text
    assert REPLY.startswith(reply.text)
    assert reply.usage.completion_tokens > 0


def test_continue_sends_what_was_said_before(serve: Serve, run: Run, home: Path):
    server = serve()
    run("ask", *at(server), "--pin", "weak", "--system", "be brief", "first")
    run("ask", *at(server), "--pin", "weak", "-c", "second")
    said = [(m["role"], m["content"]) for m in server.requests[1].body["messages"]]
    assert said == [
        ("system", "be brief"),
        ("user", "first"),
        ("assistant", REPLY),
        ("user", "second"),
    ]
    assert len(stored(home)) == 1


def test_temporary_leaves_nothing(serve: Serve, run: Run, home: Path):
    run("ask", *at(serve()), "--pin", "weak", "--temporary", "secret plans")
    assert stored(home) == []


def test_malformed_settings_are_a_usage_error_with_the_line(run: Run, home: Path):
    (home / "settings.toml").write_text("theme = 'x'\nshare = 7\n")
    code, _, err = run("ask", "--demo", "hello")
    assert code == 2
    assert "settings.toml, line 2" in err


def test_json_of_a_failure_is_one_object_too(serve: Serve, run: Run):
    code, out, err = run("ask", *at(serve("429")), "--pin", "weak", "--json", "hello")
    error = json.loads(out)["error"]
    assert code == 5
    assert error["kind"] == "RateLimitError"
    assert error["message"] in err


@pytest.mark.parametrize(("mode", "why"), [("length", "tokens"), ("filtered", "filter")])
def test_reply_that_ended_early_is_told_and_kept_as_cut(
    serve: Serve, run: Run, home: Path, *, mode: str, why: str
):
    code, _, err = run("ask", *at(serve(mode)), "--pin", "weak", "hello")
    assert code == 0
    assert "incomplete" in err
    assert why in err
    ((_, reply),) = stored(home)
    assert (reply.state, reply.text) == ("cut", REPLY)
    assert why in reply.error


def test_session_of_unknown_price_is_not_free(serve: Serve, run: Run):
    run("ask", *at(serve()), "--pin", "weak", "hello")
    _, out, _ = run("sessions", "list")
    assert "$?" in out


def test_damaged_session_is_never_shown_in_silence(serve: Serve, run: Run, home: Path):
    run("ask", *at(serve()), "--pin", "weak", "six times seven?")
    (file,) = (home / "sessions").glob("2*.json")
    file.write_text("garbage{{{")
    for words in (
        ["sessions", "list"],
        ["sessions", "show", file.stem],
        ["sessions", "search", "seven"],
        ["cost"],
        ["ask", *at(serve()), "--pin", "weak", "-c", "go on"],
    ):
        assert "damaged" in run(*words)[2]


@pytest.mark.parametrize("end", [signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_reply_that_is_stopped_from_outside_is_kept(home: Path, end: signal.Signals):
    asked = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "ask", "--demo", "--pin", "strong", "prove it"],
        env=os.environ | {"LLMROUTE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with asked:
        assert asked.stdout is not None
        assert asked.stdout.read(2) == b"##"
        if end == signal.SIGPIPE:
            asked.stdout.close()
        else:
            asked.send_signal(end)
        assert asked.wait() == (1 if end == signal.SIGPIPE else 128 + end)
    [_, reply] = stored(home)[0]
    assert (reply.state, reply.text[:2]) == ("stopped", "##")


def test_argument_that_is_not_text_is_sent_as_text(serve: Serve, run: Run):
    server = serve()
    assert run("ask", *at(server), "--pin", "weak", "caf\udce9")[0] == 0
    assert server.requests[0].body["messages"][0]["content"] == "caf\ufffd"
    assert run("ask", "--demo", "--dry-run", "caf\udce9")[0] == 0


def test_dry_run_that_goes_on_is_routed_with_what_was_said(run: Run, home: Path):
    proof = "Prove that there are infinitely many primes congruent to 3 mod 4, in full."
    session = Sessions(paths({"LLMROUTE_HOME": str(home)}).sessions).create()
    session.add("user", proof)
    session.add("assistant", "Shall I?", state="done")
    session.close()
    alone = json.loads(run("ask", "--demo", "--dry-run", "--json", "yes, do it")[1])
    after = json.loads(run("ask", "--demo", "--dry-run", "--json", "-c", "yes, do it")[1])
    assert (alone["earlier"], after["earlier"]) == (0, 1)
    assert after["win_probability"] > alone["win_probability"]
    assert len(stored(home)[0]) == 2


def test_file_without_a_prompt_calibrates_nothing(run: Run, tmp_path: Path, home: Path):
    file = tmp_path / "prompts.txt"
    file.write_text("\n  \n")
    code, _, err = run("router", "calibrate", "--share", "20%", "--on", str(file))
    assert code == 2
    assert f"--on {file}: there is no prompt in it" in err
    assert not (home / "settings.toml").exists()


def test_history_is_calibrated_on_what_was_routed(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
):
    session = Sessions(paths({"LLMROUTE_HOME": str(home)}).sessions).create()
    session.add("user", "Prove it by induction on n, please, and do not leave a step out.")
    session.add("assistant", "So be it.", state="done")
    session.add("user", "now in Lean")
    session.close()
    calibrated: list[str] = []
    calibrate = Library.calibrate

    def noted(self: Library, pool: Pool, prompts: list[str], *, keep: bool) -> Calibration:
        calibrated.extend(prompts)
        return calibrate(self, pool, prompts, keep=keep)

    monkeypatch.setattr(Library, "calibrate", noted)
    code, _, err = run("router", "calibrate", "--strong", "50%", "--on", "history", "--dry-run")
    assert code == 0
    assert err.startswith("2 prompts are few: on others the share may lie 69 % higher or lower")
    assert [text.count("\n\n") for text in calibrated] == [0, 1]
    assert calibrated[1].startswith("now in Lean\n\nProve it")


def test_models_given_are_the_ones_calibrated(run: Run, home: Path):
    on = home / "prompts.txt"
    on.write_text("hi\nProve it.\n")
    options = ["--share", "50%", "--on", str(on), "--json"]
    code, out, _ = run("router", "calibrate", *options, "--pool", "demo/strong,openai/x")
    assert code == 0
    assert json.loads(out)["models"] == ["demo/strong", "openai/x"]
    of_others, of_these = (
        json.loads(run("ask", "--json", "--dry-run", "--share", "50%", *models, "hi")[1])
        for models in (["--demo"], ["--pool", "demo/strong,openai/x"])
    )
    assert of_these["threshold"] == json.loads(out)["threshold"]
    assert of_others["threshold"] != of_these["threshold"]


POOL = "demo/strong,demo/middle,demo/weak"


def test_pool_decides_among_all_its_models_and_tells_of_each(run: Run):
    options = ["--pool", POOL, "--json", "--dry-run"]
    taken = []
    for threshold in ("0", "0.6", "1"):
        _, out, _ = run(
            "ask", *options, "--threshold", threshold, "prove that there are infinitely many primes"
        )
        decision = json.loads(out)
        taken.append(decision["model"])
    assert taken[0] == "demo/strong"
    assert taken[-1] == "demo/weak"
    first, middle, last = decision["candidates"]
    assert [first["tier"], middle["tier"], last["tier"]] == ["strong", "middle", "weak"]
    assert first["good_enough"] == 1 > middle["good_enough"] > last["good_enough"]
    assert middle["prior"] == "between its neighbours"


def test_any_model_of_a_pool_can_be_pinned_and_is_billed(run: Run):
    code, out, _ = run("ask", "--pool", POOL, "--pin", "demo/middle", "--json", "hello")
    answer = json.loads(out)
    assert code == 0
    assert (answer["model"], answer["tier"]) == ("demo/middle", "middle")
    assert answer["others_usd"].keys() == {"demo/strong", "demo/weak"}
    assert answer["others_usd"]["demo/weak"] < answer["cost_usd"] < answer["all_strong_usd"]
    assert answer["reason"] == "You pinned demo/middle."
    _, out, _ = run("cost", "--by", "model", "--json")
    assert [row["model"] for row in json.loads(out)["rows"]] == ["demo/middle"]
    assert json.loads(out)["total"]["middle_turns"] == 1
    _, out, _ = run("cost")
    assert "0W 1M 0S" in out


def test_cost_by_session_is_a_line_each_the_newest_first(run: Run, monkeypatch: pytest.MonkeyPatch):
    for question in ("why is the sky blue at noon?", "and red in the evening?"):
        run("ask", "--demo", "--pin", "weak", question)
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("cost", "--by", "session")
    titles = [line.split(" $")[0].strip() for line in out.splitlines()[2:]]
    assert titles == ["and red in the ev…", "why is the sky bl…", "total"]
    _, out, _ = run("cost", "--by", "session", "--json")
    newest = json.loads(out)["rows"][0]
    assert newest["title"] == "and red in the evening?"
    assert run("sessions", "show", newest["session"])[0] == 0


def test_new_sessions_tell_what_the_settings_say(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
):
    server = serve()
    monkeypatch.setenv("LLMROUTE_SYSTEM", "answer in rhyme")
    run("ask", *at(server), "--pin", "weak", "one")
    run("ask", *at(server), "--pin", "weak", "--system", "be brief", "two")
    monkeypatch.delenv("LLMROUTE_SYSTEM")
    run("ask", *at(server), "--pin", "weak", "--session", "one", "and then?")
    run("ask", *at(server), "--pin", "weak", "three")
    told = [request.body["messages"][0]["content"] for request in server.requests]
    assert told == ["answer in rhyme", "be brief", "answer in rhyme", "three"]


def test_named_session_is_gone_on_with(serve: Serve, run: Run, home: Path):
    server = serve()
    for question in ("first of all", "something else"):
        run("ask", *at(server), "--pin", "weak", question)
    code, _, _ = run("ask", *at(server), "--pin", "weak", "--session", "first of", "and then?")
    assert code == 0
    said = [message["content"] for message in server.requests[2].body["messages"]]
    assert said == ["first of all", REPLY, "and then?"]
    assert sorted(map(len, stored(home))) == [2, 4]


def test_search_tells_each_session_once(run: Run):
    run("ask", "--demo", "--pin", "weak", "why is the sky blue?")
    run("ask", "--demo", "--pin", "weak", "--session", "sky", "is the sky blue at night?")
    _, out, _ = run("sessions", "search", "sky", "blue")
    title, *found = out.splitlines()
    assert title.endswith("why is the sky blue?")
    assert len(found) == 4
    assert all(line.startswith("    ") for line in found)
    code, out, err = run("sessions", "search", "sea")
    assert (code, out) == (1, "")
    assert "No message contains all of these words" in err


def test_sessions_go_by_the_end_of_their_ids_and_come_back_from_the_trash(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    for question in ("why is the sky blue?", "and the sea?"):
        run("ask", "--demo", "--pin", "weak", question)
    row = run("sessions", "list")[1].splitlines()[2]
    name, day, clock, *title = row.split()
    assert len(name) == 8
    assert datetime.fromisoformat(f"{day} {clock}") <= datetime.now()
    assert " ".join(title).startswith("and the sea?")
    assert run("sessions", "show", name)[1].startswith("# and the sea?")
    assert f"sessions restore {name}" in run("sessions", "rm", name)[1]
    assert run("sessions", "show", name)[0] == 2
    assert [
        row["title"] for row in json.loads(run("sessions", "list", "--trash", "--json")[1])
    ] == ["and the sea?"]
    assert run("sessions", "restore", "sky")[0] == 2
    assert run("sessions", "restore", name)[1] == "'and the sea?' is back.\n"
    assert run("sessions", "list", "--trash")[1] == "The trash is empty.\n"
    assert run("sessions", "show", name)[0] == 0


def test_empty_list_of_sessions_says_so(run: Run):
    assert run("sessions", "list")[:2] == (0, "No conversation is kept yet.\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--session", "nowhere"], "No session is called 'nowhere'"),
        (["-c", "--temporary"], "--temporary keeps nothing"),
    ],
)
def test_session_that_cannot_be_gone_on_with(run: Run, options: list[str], words: str):
    code, _, err = run("ask", "--demo", "--pin", "weak", *options, "and then?")
    assert code == 2
    assert words in err


def test_unknown_prices_take_one_sign_and_are_explained(
    serve: Serve, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    run("ask", *at(serve()), "--pin", "weak", "hello")
    run("ask", "--demo", "--pin", "weak", "hello")
    _, out, _ = run("cost", "--by", "model")
    cells = {line.split()[0]: line.split() for line in out.splitlines()[2:5]}
    assert cells["openai/small"][1:4] == ["$?", "$?", "$?"]
    assert "%" in cells["demo/weak"]
    assert cells["total"][2:4] == ["+", "$?"]
    assert max(map(len, out.splitlines()[:5])) <= 80
    assert "1 turn by a model of an unknown price" in out


def test_month_that_is_none_is_refused(run: Run):
    code, _, err = run("cost", "--month", "2026-13")
    assert code == 2
    assert "--month 2026-13: expected a month such as 2026-11" in err
    assert "Nothing was spent in 2025-01" in run("cost", "--month", "2025-01")[1]


def test_pin_outside_the_pool_is_a_usage_error(run: Run):
    code, _, err = run("ask", "--demo", "--pin", "openai/gpt-4o", "hello")
    assert code == 2
    assert "'openai/gpt-4o' is none of the models" in err
    assert "demo/strong, demo/weak" in err


def test_pool_is_kept_and_listed_from_strong_to_weak(run: Run, home: Path):
    code, out, _ = run("models", "use", "demo/strong", "demo/weak", "demo/middle")
    assert code == 0
    assert out.splitlines()[:3] == [
        "strong = demo/strong",
        "middle = demo/middle",
        "weak   = demo/weak",
    ]
    _, out, _ = run("models", "list", "--json")
    assert [(row["seat"], row["model"]) for row in json.loads(out)][:3] == [
        ("strong", "demo/strong"),
        ("middle", "demo/middle"),
        ("weak", "demo/weak"),
    ]
    run("models", "use", "demo/strong", "demo/weak")
    assert "pool" not in (home / "settings.toml").read_text()


@pytest.mark.parametrize("names", [["demo/strong"], ["demo/strong", "demo/weak", "demo/strong"]])
def test_pool_of_one_or_with_one_twice_is_refused(run: Run, names: list[str]):
    code, _, err = run("models", "use", *names)
    assert code == 2
    assert "two or more different models" in err


def test_unknown_price_is_no_zero_to_a_script(serve: Serve, run: Run):
    run("ask", *at(serve()), "--pin", "weak", "hello")
    (session,) = json.loads(run("sessions", "list", "--json")[1])
    report = json.loads(run("cost", "--json")[1])
    assert session["spent_usd"] is None
    assert session["costs"][0]["model"] == "openai/small"
    assert [report["total"][name] for name in ("spent_usd", "saved_usd")] == [None, None]
    assert report["total"]["unpriced_turns"] == 1


def test_newest_session_is_shown_where_none_is_named(run: Run):
    assert run("sessions", "show")[0] == 2
    for question in ("the first one", "the second one"):
        run("ask", "--demo", "--pin", "weak", question)
    assert run("sessions", "show")[1].startswith("# the second one")
    assert json.loads(run("sessions", "export", "--as", "json")[1])["title"] == "the second one"


def test_script_finds_where_the_words_stand(run: Run):
    run("ask", "--demo", "--pin", "weak", "a lighthouse at night")
    (session,) = json.loads(run("sessions", "list", "--json")[1])
    hits = json.loads(run("sessions", "search", "lighthouse", "--json")[1])
    assert {hit["session"] for hit in hits} == {session["id"]}
    assert "lighthouse" in hits[0]["snippet"]
    code, out, _ = run("sessions", "search", "submarine", "--json")
    assert (code, json.loads(out)) == (1, [])


def test_several_sessions_go_into_the_trash_or_none(run: Run):
    for question in ("one apple", "two pears", "three plums"):
        run("ask", "--demo", "--pin", "weak", question)
    assert run("sessions", "rm", "apple", "no-such-one")[0] == 2
    assert run("sessions", "rm", "apple", "pears", "apple")[0] == 0
    (left,) = json.loads(run("sessions", "list", "--json")[1])
    assert left["title"] == "three plums"
