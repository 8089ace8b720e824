import json
import sys
from pathlib import Path

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from routing.models import Model, key_name_of
from tests.tui.conftest import Run
from tui.errors import KeysError, UsageError
from tui.keys import KeyRing
from tui.program import Program


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets with the process."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError(username)


@pytest.fixture
def no_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def memory_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "keys.json"


@pytest.mark.usefixtures("no_keyring")
def test_without_a_keyring_the_key_goes_to_a_file_of_its_owner_alone(file: Path):
    ring = KeyRing({}, file)
    assert ring.store("OPENAI_API_KEY", " sk-1 \n") == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    found = ring.find("OPENAI_API_KEY")
    assert found is not None
    assert (found.value, found.origin) == ("sk-1", str(file))


def test_keyring_that_forgets_is_not_trusted(file: Path):
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.null.Keyring())
    try:
        assert KeyRing({}, file).store("A_KEY", "sk") == str(file)
    finally:
        keyring.set_keyring(before)


@pytest.mark.usefixtures("memory_keyring")
def test_with_a_keyring_no_file_is_written(file: Path):
    ring = KeyRing({}, file)
    assert ring.store("A_KEY", "sk-2") == "keyring"
    assert not file.exists()
    found = ring.find("A_KEY")
    assert found is not None
    assert found.value == "sk-2"
    assert ring.remove("A_KEY")
    assert ring.find("A_KEY") is None


@pytest.mark.usefixtures("memory_keyring")
def test_environment_comes_before_command_before_keyring_before_file(file: Path):
    command = f"{sys.executable} -c \"print('from-{{name}}')\""
    KeyRing({}, file).store("A_KEY", "from-keyring")
    file.parent.mkdir()
    file.write_text('{"A_KEY": "from-file"}')
    file.chmod(0o600)

    def origin(ring: KeyRing) -> str:
        key = ring.find("A_KEY")
        assert key is not None
        return key.value

    assert origin(KeyRing({"A_KEY": "from-env"}, file, command)) == "from-env"
    assert origin(KeyRing({}, file, command)) == "from-A_KEY"
    assert origin(KeyRing({}, file)) == "from-keyring"
    keyring.set_keyring(MemoryKeyring())
    assert origin(KeyRing({}, file)) == "from-file"


@pytest.mark.usefixtures("no_keyring")
def test_file_that_others_can_read_is_refused(file: Path):
    KeyRing({}, file).store("A_KEY", "sk")
    file.chmod(0o644)
    with pytest.raises(KeysError, match="open to other users") as caught:
        KeyRing({}, file).find("A_KEY")
    assert "chmod 600" in caught.value.hint


@pytest.mark.usefixtures("no_keyring")
def test_file_that_is_not_json_is_refused_by_name(file: Path):
    file.parent.mkdir()
    file.write_text("A_KEY=sk-secret")
    file.chmod(0o600)
    with pytest.raises(KeysError, match=r"keys\.json is not a JSON object") as caught:
        KeyRing({}, file).find("A_KEY")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.usefixtures("no_keyring")
def test_command_that_is_not_there_is_named(file: Path):
    with pytest.raises(KeysError, match="'no-such-command-here' did not run"):
        KeyRing({}, file, "no-such-command-here {name}").find("A_KEY")


@pytest.mark.usefixtures("no_keyring")
def test_command_is_not_run_through_a_shell(file: Path):
    command = f'{sys.executable} -c "import sys; print(sys.argv[1])" {{name}}'
    key = KeyRing({}, file, command).find("A;echo_KEY")
    assert key is not None
    assert key.value == "A;echo_KEY"


@pytest.mark.usefixtures("no_keyring")
def test_empty_key_is_refused(file: Path):
    with pytest.raises(KeysError, match="empty"):
        KeyRing({}, file).store("A_KEY", "  ")


@pytest.mark.usefixtures("no_keyring")
def test_key_goes_to_its_own_provider_only(file: Path):
    ring = KeyRing({"OPENAI_API_KEY": "sk-openai", "MY_KEY": "sk-mine"}, file)
    models = [
        Model("openai/gpt-4o"),
        Model("anthropic/claude-sonnet-4-5"),
        Model("openai/other", api_base="http://127.0.0.1:9/v1"),
        Model("openai/mine", api_base="http://127.0.0.1:9/v1", key_name="MY_KEY"),
    ]
    assert ring.for_models(*models) == {"openai/gpt-4o": "sk-openai", "openai/mine": "sk-mine"}


def test_endpoint_of_the_command_line_gets_only_the_key_named_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("LLMROUTE_HOME", str(tmp_path))
    own = '[models."openai/mine"]\napi_base = "https://mine.example/v1"\nkey_name = "MY_KEY"\n'
    (tmp_path / "settings.toml").write_text(own)
    assert key_name_of(Program.open().model("openai/mine")) == "MY_KEY"
    other = Program.open(api_base="https://other.example/v1").model("openai/mine")
    assert key_name_of(other) is None
    with pytest.raises(UsageError, match="--api-base"):
        Program.open(key_name="MY_KEY")


def test_key_stands_in_no_repr(file: Path):
    ring = KeyRing({"A_KEY": "sk-secret"}, file)
    assert "sk-secret" not in repr(ring)
    assert "sk-secret" not in repr(ring.find("A_KEY"))


@pytest.mark.usefixtures("no_keyring")
def test_key_behind_one_of_the_environment_is_not_kept_in_vain(file: Path):
    with pytest.raises(KeysError, match="A_KEY is set in the environment"):
        KeyRing({"A_KEY": "sk-1"}, file).store("A_KEY", "sk-2")


@pytest.mark.usefixtures("no_keyring")
def test_list_names_a_kept_key_that_no_model_needs(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("IN_HOUSE_KEY", raising=False)
    KeyRing({}, home / "keys.json").store("IN_HOUSE_KEY", "sk-secret")
    code, out, err = run("keys", "list")
    assert code == 0
    assert "IN_HOUSE_KEY" in out
    assert str(home / "keys.json") in out
    assert "sk-secret" not in out + err
    assert json.loads(run("keys", "list", "--json")[1])["IN_HOUSE_KEY"] == str(home / "keys.json")


@pytest.mark.usefixtures("memory_keyring")
def test_list_names_a_providers_key_of_the_keyring(file: Path):
    ring = KeyRing({}, file)
    ring.store("GROQ_API_KEY", "sk-1")
    assert ring.kept() == {"GROQ_API_KEY"}
