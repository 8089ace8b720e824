"""What every test stands on: no network but loopback, no key and no setting of this machine."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import ScriptedServer

os.environ["HF_HUB_OFFLINE"] = "1"  # the hub's library reads it once, when it is imported
# Tests compute little, and threads that wait for each other cost minutes where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A shell's background jobs are deaf to Ctrl+C, which tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)
# No verdict by the clock of a busy machine, and the same examples in every run: what fails is the
# change's doing. `--hypothesis-profile default` looks for others.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


def _is_loopback(host: object) -> bool:
    return host in {"localhost", "::1", "0.0.0.0", "::", "", None} or str(host).startswith("127.")


class OutsideError(OSError):
    """A test tried to leave this machine."""


LITELLMS_OWN_FILTERS = (
    "coroutine 'OpenAIChatCompletion.* was never awaited",  # a call cancelled before its thread ran
    ".*conflict with protected namespace",
    "Accessing the .* attribute on the instance is deprecated",
    "Item .* is using the `ReadOnly` qualifier",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what is silenced with litellm's import: pytest takes those filters back."""
    for warning in LITELLMS_OWN_FILTERS:
        config.addinivalue_line("filterwarnings", f"ignore:{warning}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none, and the network where it is not asked for."""
    if item.get_closest_marker("network") and "network" not in item.config.option.markexpr:
        pytest.skip("needs the network: pytest -m network")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse every connection and every name but loopback's, and fail the test that tried."""
    if request.node.get_closest_marker("network"):
        yield
        return
    attempts: list[object] = []
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def check(address: object) -> None:
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            attempts.append(address)
            raise OutsideError(f"a test tried to reach {address}")

    def guarded_connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401  # as socket's
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:  # noqa: ANN401  # as socket's
        check(address)
        return connect_ex(self, address)

    def guarded_look_up(host: str | bytes | None, *args: object, **options: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if _is_loopback(name):
            return look_up(host, *args, **options)  # type: ignore[arg-type]
        if not str(name).endswith(".invalid"):  # a name that may be asked for and never exists
            attempts.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    assert not attempts, f"the test tried to reach {attempts}"


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, with no key and no setting of this program in the environment."""
    folder = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        key_or_address = name.endswith(("_API_KEY", "_TOKEN", "_API_BASE", "_BASE_URL"))
        ours = name.startswith("LLMROUTE_") and name != "LLMROUTE_DATA"
        if key_or_address or ours:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return folder


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts servers that answer by a script: `serve("500", "ok")`; stopped when the test ends."""
    with ExitStack() as stack:

        def start(*script: str, **options: Any) -> ScriptedServer:  # noqa: ANN401  # the class's
            return stack.enter_context(ScriptedServer(script or ("ok",), **options))

        yield start
