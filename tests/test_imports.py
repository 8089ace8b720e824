"""What the terminal process must not load; found in a process of its own."""

import subprocess
import sys

import pytest

HEAVY = (
    *("faiss", "litellm", "numpy", "onnxruntime", "pydantic"),
    *("sentence_transformers", "torch", "transformers"),
)


def loaded_by(module: str, doing: str = "pass") -> set[str]:
    """The top-level packages in memory after importing that module, and doing that with it."""
    code = (
        f"import sys, {module}; {doing}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "tui.cli",
        "tui.app",
        "tui.engine_client",
        "tui.sessions",
        "tui.widgets.prose",
        "routing.wire",
    ],
)
def test_terminal_process_stays_light(module: str):
    assert loaded_by(module).isdisjoint(HEAVY)


def test_version_needs_no_screen():
    assert "textual" not in loaded_by("tui.cli")


def test_engine_waits_with_its_heavy_parts():
    assert loaded_by("routing.server").isdisjoint({"faiss", "litellm", "torch"})


def test_packaged_embedder_waits_for_no_other_library():
    doing = "routing.embeddings.SentenceEmbedder().embed(['hello'])"
    slow = {"litellm", "sentence_transformers", "sklearn", "torch", "transformers"}
    assert loaded_by("routing.embeddings", doing).isdisjoint(slow)


def test_guard_can_fail():
    assert "numpy" in loaded_by("numpy")
