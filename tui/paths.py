"""Where the program keeps its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one user.

    Attributes:
        settings: the TOML file that the user edits.
        keys: the 0600 file of API keys, used where no keyring is at hand.
        sessions: the folder of conversations.
        router: the folder of the index and of the user's own battles.
        audits: the folder of audits: their scores, their reports, pulled question sets.
        log: the engine's log.
    """

    settings: Path
    keys: Path
    sessions: Path
    router: Path
    audits: Path
    log: Path


def paths(environment: Mapping[str, str]) -> Paths:
    """The platform's usual folders, or everything below `LLMROUTE_HOME` where it is set."""
    if home := environment.get("LLMROUTE_HOME"):
        root = Path(home).expanduser().absolute()
        config, data, logs = root, root, root
    else:
        dirs = PlatformDirs("llmroute", appauthor=False)
        config, data, logs = dirs.user_config_path, dirs.user_data_path, dirs.user_log_path
    return Paths(
        settings=config / "settings.toml",
        keys=config / "keys.json",
        sessions=data / "sessions",
        router=data / "router",
        audits=data / "audits",
        log=logs / "llmroute.log",
    )
