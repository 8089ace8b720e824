"""`llmroute doctor` reports what is wrong and goes on."""

import json
import os
from pathlib import Path

import pytest

from tests.tui.conftest import Run

SECRET = "sk-never-show-this-4f9a2b7c"


def test_malformed_settings_are_reported_and_the_rest_is_checked(run: Run, home: Path):
    (home / "settings.toml").write_text("theme = 'x'\nshare = 7\n")
    code, out, err = run("doctor", "--no-engine", "--json")
    found = json.loads(out)
    assert code == 1
    assert "settings.toml, line 2" in found["settings"]["trouble"]
    assert found["paths"]["settings"]["path"].endswith("settings.toml")
    assert found["paths"]["sessions"]["state"] == "not there yet"
    assert found["version"]["llmroute"]
    assert err == ""


def test_bad_key_of_the_keyboard_is_reported(run: Run, home: Path):
    (home / "settings.toml").write_text("[keys]\nwhy = 'x'\n")
    code, out, _ = run("doctor", "--no-engine", "--json")
    assert code == 1
    assert "keys.why" in json.loads(out)["settings"]["trouble"]


def test_keys_that_cannot_be_read_are_reported(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
):
    (home / "keys.json").write_text("not json")
    (home / "keys.json").chmod(0o600)
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    (home / "settings.toml").write_text('strong = "openai/gpt-4o"\nweak = "groq/x"\n')
    code, out, err = run("doctor", "--no-engine", "--json")
    keys = json.loads(out)["keys"]
    assert code == 1
    assert keys["GROQ_API_KEY"] == "environment"
    assert "keys.json" in keys["trouble"]
    assert SECRET not in out + err


def test_log_that_cannot_be_written_is_reported(run: Run, home: Path):
    (home / "llmroute.log").mkdir()
    code, out, _ = run("doctor", "--json")
    found = json.loads(out)
    assert code == 1
    assert "llmroute.log" in found["problems"]["log"]
    assert not found["engine"]["trouble"], "it works without a log"


def test_nothing_wrong_is_exit_code_0(run: Run):
    code, out, _ = run("doctor", "--no-engine", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["settings"]["share"] == {"value": 0.5, "origin": "default"}
    assert found["settings"]["learn"] == {"value": True, "origin": "default"}
    assert found["settings"]["strong"] == {"value": None, "origin": "default"}
    assert found["problems"] == {}
    assert not any("trouble" in section for section in found.values())


def test_last_line_says_what_is_wrong(run: Run, home: Path):
    assert run("doctor", "--no-engine")[1].splitlines()[-1] == "All is well."
    (home / "settings.toml").write_text("share = 7\n")
    assert run("doctor", "--no-engine")[1].splitlines()[-1] == "To fix, see above: settings."


def test_what_is_broken_and_what_to_do_come_first(run: Run, home: Path):
    (home / "settings.toml").write_text('strong = "openai/gpt-4o"\nweak = "demo/weak"\n')
    code, out, _ = run("doctor", "--no-engine")
    first, second = out.splitlines()[:2]
    assert code == 1
    assert first == "to fix"
    assert second.split(maxsplit=1) == [
        "openai/gpt-4o",
        "OPENAI_API_KEY is not set. llmroute keys set OPENAI_API_KEY asks for it.",
    ]
    assert out.splitlines()[-1] == "To fix, see above: openai/gpt-4o."
    titles = [line for line in out.splitlines() if line and not line.startswith(" ")][:-1]
    assert titles == ["to fix", "keys", "settings", "paths", "version"]


def test_no_models_are_nothing_wrong_and_said_with_what_to_do(run: Run):
    code, out, _ = run("doctor", "--no-engine")
    assert code == 0
    assert out.splitlines()[0] == "to do"
    assert "llmroute models use" in out.splitlines()[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_folder_that_cannot_be_written_is_to_be_mended(run: Run, home: Path):
    (home / "sessions").mkdir(mode=0o500)
    code, out, _ = run("doctor", "--no-engine", "--json")
    assert code == 1
    assert str(home / "sessions") in json.loads(out)["problems"]["sessions"]


def test_script_reads_whole_lines_without_padding(run: Run, home: Path):
    long = "a/" + "x" * 200
    (home / "settings.toml").write_text(f'strong = "{long}"\nweak = "demo/weak"\n')
    _, out, _ = run("doctor", "--no-engine")
    assert any(f'"{long}" ({home / "settings.toml"})' in line for line in out.splitlines())
    assert all(line == line.rstrip() for line in out.splitlines())
