"""The small models with a known bias that ship with the program, and the questions they know."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

PLANTED = {"demo/biased": "biased", "demo/balanced": "balanced"}


def planted_model(name: str) -> Path:
    """The model folder behind `demo/biased` or `demo/balanced`.

    Raises:
        ValueError: no planted model has that name.
    """
    if name not in PLANTED:
        raise ValueError(f"no planted model is called {name!r}; there are {', '.join(PLANTED)}")
    return _folder() / PLANTED[name]


def planted_questions() -> Path:
    """The questions about the models' world, as JSON lines; a third can only be guessed."""
    return _folder() / "questions.jsonl"


def _folder() -> Path:
    return Path(str(resources.files("assets"))) / "planted"
