"""API keys: environment > key command > OS keyring > a file that only its owner can read."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from routing.files import replace_file
from routing.models import PROVIDER_KEYS, Model, key_name_of
from tui.errors import KeysError

SERVICE = "llmroute"
COMMAND_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Key:
    """A key and where it was found. Its repr does not show the value."""

    name: str
    origin: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Every place that may hold a key, tried in order of precedence."""

    environment: Mapping[str, str] = field(repr=False)
    file: Path
    command: str | None = None

    def find(self, name: str) -> Key | None:
        """The key of that name, such as "OPENAI_API_KEY"; None where no place has it.

        Raises:
            KeysError: the key command failed, or the file is unreadable or open to others.
        """
        if value := self.environment.get(name, "").strip():
            return Key(name, "environment", value)
        if self.command and (told := self._ask_command(name)):
            return Key(name, "key command", told)
        if kept := _from_keyring(name):
            return Key(name, "keyring", kept)
        if written := _read(self.file).get(name):
            return Key(name, str(self.file), written)
        return None

    def for_models(self, *models: Model) -> dict[str, str]:
        """The keys that those models need, by model name, as far as they are found.

        A model with an endpoint of its own gets a key only where the user named one for it:
        the provider's usual key stays with the provider.
        """
        found: dict[str, str] = {}
        for model in models:
            name = key_name_of(model)
            key = self.find(name) if name else None
            if key:
                found[model.name] = key.value
        return found

    def serves(self, model: Model) -> bool:
        """Whether the model needs no key, or the one that it needs is found."""
        from routing.providers.keys import OTHER_KEYS

        name = key_name_of(model)
        if name is None or any(map(self.environment.get, OTHER_KEYS.get(name, ()))):
            return True
        try:
            return self.find(name) is not None
        except KeysError:
            return False

    def store(self, name: str, value: str) -> str:
        """Keep a key in the keyring, or in the file where there is none; the place it went to.

        Raises:
            KeysError: the value is empty, the environment has another that comes first, or the
                file cannot be written.
        """
        if self.environment.get(name, "").strip():
            raise KeysError(
                f"{name} is set in the environment, which comes first",
                hint="Change it there, or unset it and store the key again.",
            )
        if not value.strip():
            raise KeysError(f"{name}: the key is empty")
        if _to_keyring(name, value.strip()):
            return "keyring"
        self._write({**_read(self.file), name: value.strip()})
        return str(self.file)

    def remove(self, name: str) -> bool:
        """Delete a stored key; whether there was one. The environment is left alone."""
        removed = _delete_from_keyring(name)
        kept = _read(self.file)
        if kept.pop(name, None) is not None:
            self._write(kept)
            removed = True
        return removed

    def kept(self) -> set[str]:
        """Names of the keys that were stored: all of the file's, the well-known of the keyring's.

        Raises:
            KeysError: the file is unreadable or open to others.
        """
        return {*_read(self.file), *filter(_from_keyring, PROVIDER_KEYS)}

    def _ask_command(self, name: str) -> str:
        assert self.command is not None
        words = [word.replace("{name}", name) for word in shlex.split(self.command)]
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,  # what the user types is the chat's
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KeysError(f"key_command {words[0]!r} did not run: {error}") from error
        return done.stdout.strip() if done.returncode == 0 else ""

    def _write(self, keys: Mapping[str, str]) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.file, json.dumps(dict(keys), indent=1).encode())
        except OSError as error:
            raise KeysError(f"{self.file} cannot be written: {error.strerror}") from error


def _read(file: Path) -> dict[str, str]:
    try:
        mode = file.stat().st_mode
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"{file} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeysError(
            f"{file} is open to other users (mode {stat.S_IMODE(mode):o}): its keys are not used",
            hint=f"Run: chmod 600 {file}",
        )
    try:
        keys = json.loads(content)
        return {str(name): str(value) for name, value in keys.items()}
    except (ValueError, AttributeError) as error:
        raise KeysError(f"{file} is not a JSON object of key names and keys") from error


def _from_keyring(name: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(SERVICE, name)
    except KeyringError:  # none on this machine, or locked: the file is asked next
        return None


def _to_keyring(name: str, value: str) -> bool:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(SERVICE, name, value)
        return keyring.get_password(SERVICE, name) == value  # the null keyring forgets at once
    except KeyringError:
        return False


def _delete_from_keyring(name: str) -> bool:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.delete_password(SERVICE, name)
    except KeyringError:
        return False
    return True
