"""`llmroute models`: what is kept, and what is refused before it is."""

import functools
import json
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from routing.providers import import_litellm
from tests.tui.conftest import Run

SECRET = "gsk_neverShowThis4f9a2b7c"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["openai/gpt-4o", "gpt5000"], ["gpt5000", "Did you mean", "provider/model"]),
        (["openai/gpt-4o", "opnai/gpt-4o"], ["opnai/gpt-4o", "openai/gpt-4o"]),
        (["openai/gpt-4o", "openai/gpt-4o"], ["different models"]),
        (["openai/gpt-4o", " "], ["no model's name"]),
        (["demo/strong", "demo/best"], ["demo/best", "demo/weak"]),
        (["openai/gpt-4o", "local//no/such/folder"], ["no folder /no/such/folder"]),
    ],
)
def test_model_that_nobody_serves_is_refused(
    run: Run, home: Path, words: list[str], told: list[str]
):
    code, _, err = run("models", "use", *words)
    assert code == 2
    assert [word for word in told if word not in err] == []
    assert not (home / "settings.toml").exists()


def test_pair_is_kept_and_what_it_lacks_is_said(run: Run, home: Path):
    code, out, err = run("models", "use", "openai/gpt-4o", "openai/gpt-4o-minni")
    assert code == 0
    assert "openai/gpt-4o-minni" in (home / "settings.toml").read_text()
    assert "kept in" in out
    assert err.count("OPENAI_API_KEY is not set") == 1
    assert "price of openai/gpt-4o-minni is unknown" in err
    assert "Did you mean openai/gpt-4o-mini or" in err


def test_nothing_to_test_is_said_with_what_to_do(run: Run):
    code, _, err = run("models", "test")
    assert code == 2
    assert "llmroute models test MODEL" in err


def test_server_of_ones_own_is_not_taken_for_a_known_model(run: Run):
    served = ["--api-base", "http://127.0.0.1:8000/v1"]
    err = run("models", "use", "openai/gpt-4o-big", "openai/gpt-4o-minni", *served)[2]
    assert "price of openai/gpt-4o-minni is unknown" in err
    assert "Did you mean" not in err


def test_price_of_what_nobody_serves_is_not_kept(run: Run, home: Path):
    run("models", "use", "openai/gpt-4o", "openai/small", "--api-base", "http://127.0.0.1:8000/v1")
    before = (home / "settings.toml").read_text()
    code, _, err = run("models", "price", "small", "--prompt", "1", "--completion", "2")
    assert code == 2
    assert "Did you mean openai/small?" in err
    assert (home / "settings.toml").read_text() == before


@pytest.mark.parametrize(("like", "said"), [("gpt-nobody", "no battle names it"), ("weak", "")])
def test_model_to_judge_by_that_no_battle_names_is_said(run: Run, like: str, said: str):
    err = run("models", "add", "demo/middle", "--like", like)[2]
    assert err.strip() == (f"--like {like}: {said}. The most name strong, weak." if said else "")


def test_pair_that_lacks_nothing_needs_no_words(run: Run):
    assert run("models", "use", "demo/strong", "demo/weak")[2] == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "No option was given"),
        (["--api-base", "not a url"], "'not a url'"),
        (["--api-base", "ftp://example.org"], "ftp"),
        (["--api-base", "http://127.0.0.1:port"], "port"),
        (["--key-name", SECRET], "name of its variable"),
    ],
)
def test_address_or_key_name_that_is_none_is_refused(
    run: Run, home: Path, options: list[str], told: str
):
    code, out, err = run("models", "add", "openai/in-house", *options)
    assert code == 2
    assert told in err
    assert SECRET not in out + err
    assert not (home / "settings.toml").exists()


def test_added_model_writes_as_was_said(run: Run, home: Path):
    options = ["--temperature", "0.2", "--max-tokens", "500", "--reasoning-effort", "low"]
    assert run("models", "add", "openai/o3", *options)[0] == 0
    table = tomllib.loads((home / "settings.toml").read_text())["models"]["openai/o3"]
    assert table == {"temperature": 0.2, "max_tokens": 500, "reasoning_effort": "low"}
    assert run("models", "add", "openai/o3", "--temperature", "3")[0] == 2


def test_added_model_has_its_address(run: Run, home: Path):
    options = ["--api-base", "127.0.0.1:8000", "--key-name", "IN_HOUSE_KEY", "--context", "8192"]
    code, _, err = run("models", "add", "openai/in-house", *options)
    assert code == 0
    assert "IN_HOUSE_KEY is not set" in err
    assert 'api_base = "127.0.0.1:8000"' in (home / "settings.toml").read_text()
    assert run("models", "use", "openai/gpt-4o", "openai/in-house")[0] == 0


def test_key_in_the_place_of_its_name_is_never_shown(run: Run, home: Path):
    (home / "settings.toml").write_text(f'[models."openai/x"]\nkey_name = "{SECRET}"\n')
    for command in (["models", "list"], ["doctor", "--no-engine"], ["ask", "hi"]):
        code, out, err = run(*command)
        assert code in {1, 2}
        assert "line 2" in out + err
        assert SECRET not in out + err
    (home / "settings.toml").unlink()
    for command in (
        ["ask", "--demo", "--api-base", "127.0.0.1:9", "--key-name", SECRET, "hi"],
        ["keys", "set", SECRET],
    ):
        code, out, err = run(*command)
        assert code == 2
        assert SECRET not in out + err


@pytest.mark.parametrize(
    ("price", "shown"), [("0.25", "$0.25"), ("5", "$5.00"), ("0.0375", "$0.0375"), ("0", "$0.00")]
)
def test_price_has_the_digits_that_matter(run: Run, price: str, shown: str):
    _, out, _ = run("models", "price", "openai/own", "--prompt", price, "--completion", "1250")
    assert f"{shown} prompt," in out
    assert "$1,250.00 completion" in out


def test_time_of_a_reply_is_the_models_alone(run: Run, monkeypatch: pytest.MonkeyPatch):
    now = [0.0]

    @functools.cache
    def load() -> ModuleType:
        now[0] += 60.0
        return import_litellm()

    monkeypatch.setattr("routing.chat.import_litellm", load)
    monkeypatch.setattr("tui.commands.models.time", SimpleNamespace(perf_counter=lambda: now[0]))
    code, out, _ = run("models", "test", "demo/weak")
    assert (code, now) == (0, [60.0])
    assert "demo/weak answers: 0.0 s" in out


def test_script_reads_prices_as_numbers(run: Run):
    run("models", "use", "openai/big", "demo/weak", "--api-base", "127.0.0.1:9")
    run("models", "price", "openai/big", "--prompt", "2.5", "--completion", "10")
    big, weak = json.loads(run("models", "list", "--json")[1])
    assert (big["seat"], big["prompt_price"], big["completion_price"]) == ("strong", 2.5, 10.0)
    assert (big["context_tokens"], big["key_name"]) == (None, None)
    assert (weak["seat"], weak["prompt_price"], weak["context_tokens"]) == ("weak", 0.25, 32_000)


def test_models_at_one_address_are_set_in_one_go(run: Run, home: Path):
    (home / "settings.toml").write_text('[models."openai/big"]\nkey_name = "OLD_KEY"\n')
    code, *_ = run("models", "use", "openai/big", "openai/small", "--api-base", "127.0.0.1:8000")
    tables = tomllib.loads((home / "settings.toml").read_text())["models"]
    assert code == 0
    assert tables["openai/small"] == {"api_base": "127.0.0.1:8000"}
    assert tables["openai/big"] == tables["openai/small"]  # no key follows to another address


def test_model_that_is_not_worth_its_price_is_said(run: Run, home: Path):
    prices = {"big": 9, "mid": 3, "small": 1, "odd": 20}
    for name, price in prices.items():
        run("models", "price", f"openai/{name}", "--prompt", str(price), "--completion", "0")
    lines = [
        {"prompt": f"the {at}th question of many", "model_a": a, "model_b": b, "winner": winner}
        for at in range(60)
        for a, b, winner in [("openai/mid", "openai/small", "ab"[at % 2])]
    ]
    votes = home / "votes.jsonl"
    votes.write_text("\n".join(map(json.dumps, lines)))
    assert run("battles", "import", str(votes))[0] == 0
    said = "openai/mid is outdone: openai/small costs less and is no worse, so no turn goes to it."
    names = ["openai/big", "openai/mid", "openai/small"]
    assert said in run("models", "use", *names)[2]
    assert said in run("models", "list")[2]
    _, out, _ = run("doctor", "--json")
    assert json.loads(out)["engine"]["outdone"] == said
    assert said not in run("models", "use", "openai/big", "openai/mid")[2]
    told = run("models", "use", "openai/mid", "openai/small")[2]
    assert "openai/mid is outdone: openai/small costs less and is no worse, so a turn that" in told
    err = run("models", "use", "openai/big", "openai/odd")[2]
    assert "openai/odd costs more than openai/big, which is to be the stronger" in err


def test_list_shows_the_built_in_pair_only_where_nothing_is_set(run: Run):
    assert "No models are set" in run("models", "list")[1]
    run("models", "use", "openai/gpt-4o", "openai/gpt-4o-mini")
    out = run("models", "list")[1]
    assert "demo/" not in out
    assert "No models are set" not in out


def test_removed_model_is_out_of_the_settings(run: Run, home: Path):
    run("models", "add", "openai/old", "--temperature", "0")
    assert run("models", "rm", "openai/old")[0] == 0
    assert "openai/old" not in (home / "settings.toml").read_text()
    assert run("models", "rm", "openai/old")[0] == 2


def test_model_that_is_routed_to_is_not_removed(run: Run, home: Path):
    run("models", "use", "demo/strong", "openai/old", "--api-base", "127.0.0.1:9")
    code, _, err = run("models", "rm", "openai/old")
    assert code == 2
    assert "models use" in err
    assert "openai/old" in (home / "settings.toml").read_text()


def test_every_set_model_is_tried_and_the_failed_one_is_told(run: Run):
    run("models", "use", "demo/strong", "openai/gpt-4o", "demo/weak")
    code, out, err = run("models", "test")
    assert code == 3
    assert "demo/strong answers" in out
    assert "demo/weak answers" in out
    assert "openai/gpt-4o" in err
