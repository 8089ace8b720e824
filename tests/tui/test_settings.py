from pathlib import Path

import pytest

from tui.errors import SettingsError
from tui.keymap import check_keymap
from tui.settings import load, pool_settings, save


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_defaults_need_no_file(file: Path):
    loaded = load(file, {}, {})
    assert loaded.settings.share == 0.5
    assert loaded.settings.strong is None
    assert loaded.origins == {}


def test_file_gives_way_to_environment_and_environment_to_flags(file: Path):
    file.write_text("share = 0.1\ntheme = 'textual-light'\ntimeout = 5\n")
    loaded = load(file, {"LLMROUTE_SHARE": "20%", "LLMROUTE_TIMEOUT": "6"}, {"timeout": 7.0})
    assert (loaded.settings.theme, loaded.settings.share, loaded.settings.timeout) == (
        "textual-light",
        0.2,
        7.0,
    )
    assert loaded.origins["theme"] == str(file)
    assert loaded.origins["share"] == "environment LLMROUTE_SHARE"
    assert loaded.origins["timeout"] == "command line"


def test_settings_that_the_readme_shows_are_good(file: Path):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("```toml\n")[2].partition("```")[0]
    file.write_text(shown)
    settings = load(file, {}, {}).settings
    check_keymap(settings.keys, file)
    assert settings.budget.past == "weak"


def test_flags_that_were_not_given_change_nothing(file: Path):
    file.write_text("share = 0.1\n")
    assert load(file, {}, {"share": None}).settings.share == 0.1


def test_model_writes_as_its_table_says(file: Path):
    file.write_text('[models."a/b"]\ntemperature = 0.2\nreasoning_effort = "low"\n')
    model = load(file, {}, {}).settings.model("a/b")
    assert model.sampling.given() == {"temperature": 0.2, "reasoning_effort": "low"}


def test_price_of_a_model_is_per_million_tokens(file: Path):
    file.write_text('[models."my/model"]\nprompt_price = 2.5\ncompletion_price = 10\n')
    price = load(file, {}, {}).settings.model("my/model").price
    assert price is not None
    assert (price.prompt, price.completion, price.cached) == (2.5e-6, 10e-6, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("share = 'lots'\n", ["line 1", "share", "'lots'", "a number from 0 to 1"]),
        ("learn = true\nshare = 1.5\n", ["line 2", "share", "1.5", "a number from 0 to 1"]),
        ("shar = 0.5\n", ["line 1", "'shar'", "did you mean share"]),
        ("share = \n", ["line 1", "not TOML"]),
        ("learn = 'yes'\n", ["line 1", "learn", "'yes'", "true or false"]),
        ("timeout = 0\n", ["line 1", "timeout", "a number above 0"]),
        ("pool = 'a,b'\n", ["line 1", "pool", "a list such as"]),
        ("strong = 3\n", ["line 1", "strong", "text in quotes"]),
        ('[models."a/b"]\ncontext_tokens = 1.5\n', ["line 2", "1.5", "a whole number above 0"]),
        ('[models."a/b"]\ntop_p = 0\n', ["line 2", "top_p", "a number above 0, 1 at most"]),
        ("[budget]\nmonthly_usd = -3\n", ["line 2", "monthly_usd", "-3", "a number, 0 or more"]),
        ("[budget]\npast = 'stop'\n", ["line 2", "past", "'stop'"]),
        ('[models."a/b"]\nprompt_price = "x"\n', ["line 2", "prompt_price", "'x'", "a number"]),
        (
            '[models."c/d"]\nprompt_price = 1\n[models."a/b"]\nprompt_price = "x"\n',
            ["line 4", "models.a/b.prompt_price", "'x'", "a number"],
        ),
        (
            '[models."a/b"]\nprice = 2\n',
            ["line 2", "models.a/b", "'price'", "did you mean prompt_price"],
        ),
        (
            "weak = 'c/d'\nstrong = 'a/b'\n[keys]\nweak = 3\n",
            ["line 4", "keys.weak", "3", "text in quotes"],
        ),
        ("budget = {past = 'stop'}\n", ["line 1", "budget.past", "'stop'"]),
        ("share = 0.2\nbudget.past = 'stop'\n", ["line 2", "budget.past", "'stop'"]),
        ("[budget]\nmonthly = 3\n", ["line 2", "'monthly'", "did you mean monthly_usd"]),
        ("[budgets]\npast = 'weak'\n", ["line 1", "'budgets'", "did you mean budget"]),
        ("strong = 'a/b'\n", ["strong", "weak", "pair needs both"]),
        ("\npool = ['a', 'b']\nweak = 'c'\n", ["line 2", "pool is set beside weak"]),
        ("pool = ['a']\n", ["line 1", "pool", "two or more different models"]),
        ("pool = ['a', 'b', 'a']\n", ["line 1", "a, b, a", "different models"]),
        ("pool = 'a,b'\n", ["line 1", "pool", "'a,b'", "a list"]),
        ("\nrouter = 'rigde'\n", ["line 2", "router is 'rigde'", "'similarity', 'ridge'"]),
        ("strong = 'a/b'\nweak = 'a/b'\n", ["both a/b", "two different models"]),
    ],
)
def test_bad_file_names_line_value_and_expectation(file: Path, text: str, words: list[str]):
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(file, {}, {})
    for word in (str(file), *words):
        assert word in str(caught.value)


def test_bad_variable_is_named(file: Path):
    with pytest.raises(SettingsError, match=r"LLMROUTE_SHARE.*'much'.*a number from 0 to 1"):
        load(file, {"LLMROUTE_SHARE": "much"}, {})


def test_empty_variable_is_none(file: Path):
    assert load(file, {"LLMROUTE_STRONG": "", "LLMROUTE_SHARE": ""}, {}).origins == {}


def test_file_that_is_not_text_is_refused(file: Path):
    file.write_bytes(b"\xff\xfe\x00share")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file, {}, {})


def test_saving_keeps_comments_and_other_settings(file: Path):
    file.write_text("# mine\nshare = 0.2  # a fifth\n\n[budget]\nmonthly_usd = 5\n")
    save(file, {"strong": "a/b", "weak": "c/d", "budget": {"past": "weak"}})
    text = file.read_text()
    assert "# mine" in text
    assert "# a fifth" in text
    settings = load(file, {}, {}).settings
    assert (settings.strong, settings.weak, settings.share) == ("a/b", "c/d", 0.2)
    assert (settings.budget.monthly_usd, settings.budget.past) == (5, "weak")
    assert file.stat().st_mode & 0o777 == 0o600


def test_saving_none_removes_a_setting(file: Path):
    file.write_text("threshold = 0.5\n")
    save(file, {"threshold": None})
    assert load(file, {}, {}).settings.threshold is None


def test_saving_a_bad_value_leaves_the_file(file: Path):
    file.write_text("share = 0.2\n")
    with pytest.raises(SettingsError):
        save(file, {"share": 2.0})
    assert file.read_text() == "share = 0.2\n"


def test_saving_model_names_with_dots_and_slashes(file: Path):
    save(file, {"models": {"openai/gpt-4.1": {"api_base": "http://127.0.0.1:1/v1"}}})
    model = load(file, {}, {}).settings.model("openai/gpt-4.1")
    assert model.api_base == "http://127.0.0.1:1/v1"


def test_later_layer_takes_the_place_of_a_pool_or_a_pair(file: Path):
    file.write_text("pool = ['a', 'b', 'c']\n")
    pair = load(file, {}, {"strong": "x", "weak": "y"})
    assert pair.settings.pool_names == ("x", "y")
    assert "pool" not in pair.origins
    file.write_text("strong = 'x'\nweak = 'y'\n")
    pool = load(file, {"LLMROUTE_POOL": "a, b,c"}, {})
    assert pool.settings.pool_names == ("a", "b", "c")
    assert pool.origins["pool"] == "environment LLMROUTE_POOL"


def test_kept_pool_and_pair_replace_each_other(file: Path):
    save(file, pool_settings(["a", "b", "c"]))
    assert load(file, {}, {}).settings.pool_names == ("a", "b", "c")
    save(file, pool_settings(["x", "y"]))
    assert load(file, {}, {}).settings.pool_names == ("x", "y")
    assert "pool" not in file.read_text()


def test_model_is_like_the_one_that_the_person_names(file: Path):
    file.write_text('[models."my/model"]\nlike = "weak"\n')
    assert load(file, {}, {}).settings.model("my/model").like == "weak"
