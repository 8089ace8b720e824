"""The chat in a browser: real server, real program behind it."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.tui.conftest import Run
from tui.browser import for_browser
from tui.program import Program
from tui.sessions import Sessions
from tui.web import HOST, command_line, flags

Evaluate = Callable[[str], Awaitable[str]]

SECONDS = 60
COLOURS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def served(home: Path) -> Iterator[str]:
    """The address of a chat with the demo pair."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tui.cli", "chat", "--web", "--demo"],
        env=os.environ | {"LLMROUTE_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout
    address = re.search(r"http://\S+", server.stdout.readline())
    assert address
    yield address[0]
    server.send_signal(signal.SIGINT)
    assert server.wait(SECONDS) == 0
    server.stdout.close()


@asynccontextmanager
async def page(address: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """What the page's script does: it connects and says how large it is."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{address}ws?width=110&height=34") as socket,
    ):
        yield socket


async def seen(socket: aiohttp.ClientWebSocketResponse, words: bytes) -> None:
    """Wait until the chat has drawn these words."""
    drawn = b""
    async with asyncio.timeout(SECONDS):
        while words not in drawn:
            message = await socket.receive()
            assert message.type is aiohttp.WSMsgType.BINARY, message
            drawn += COLOURS.sub(b"", message.data)


async def status(address: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as reply:
        return reply.status


@pytest.mark.slow
async def test_chat_answers_in_a_page(served: str, home: Path):
    async with page(served) as socket:
        await seen(socket, b"type a message")
        await socket.send_json(["stdin", "/weak\r"])
        await seen(socket, b"pinned to weak")
        await socket.send_json(["stdin", "hello there\r"])
        await seen(socket, b"You pinned the weak model")
    async with asyncio.timeout(SECONDS):  # a page that is closed leaves nothing unsaid
        while not any(said.role == "assistant" for said in Sessions(home / "sessions").messages()):
            await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_only_its_own_page_is_let_in(served: str):
    root = served[: served.rstrip("/").rindex("/") + 1]
    assert served.startswith(f"http://{HOST}:")
    assert await status(served) == 200
    assert await status(root) == 404
    assert await status(f"{root}ws") == 404
    assert await status(served, Host="evil.example") == 403
    assert await status(f"{served}ws", Origin="http://evil.example") == 403
    port = int(root.rsplit(":", 1)[1].strip("/"))
    with socket.socket() as other:  # where all addresses were served, this one would be too
        assert other.connect_ex(("127.0.0.2", port))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium")
async def test_chromium_draws_the_chat(served: str, tmp_path: Path):
    browser = await asyncio.create_subprocess_exec(
        "chromium",
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
        *("--remote-allow-origins=*", f"--user-data-dir={tmp_path / 'profile'}", served),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS), tab(browser) as run:
            # the server's script says so once it has had what to draw
            while "-first-byte" not in await run("document.body.className"):
                await asyncio.sleep(0.1)
            focused = "document.activeElement.className"
            while "xterm-helper-textarea" not in await run(focused):
                await asyncio.sleep(0.1)
    finally:
        browser.terminate()
        await browser.communicate()


@asynccontextmanager
async def tab(browser: asyncio.subprocess.Process) -> AsyncIterator[Evaluate]:
    """Evaluates JavaScript in the browser's only page."""
    assert browser.stderr
    debugger = None
    while debugger is None:
        debugger = re.search(rb"ws://([^/]+)/", await browser.stderr.readline())
    pages = f"http://{debugger[1].decode()}/json"
    async with aiohttp.ClientSession() as session:
        found = await (await session.get(pages)).json()
        url = next(each["webSocketDebuggerUrl"] for each in found if each["type"] == "page")
        async with session.ws_connect(url) as socket:

            async def evaluate(script: str) -> str:
                question = {"id": 1, "method": "Runtime.evaluate"}
                await socket.send_json(question | {"params": {"expression": script}})
                return (await socket.receive_json())["result"]["result"].get("value", "")

            yield evaluate


def test_command_is_quoted_for_the_systems_shell():
    words = ["/opt/my python/bin", "-m", "tui.cli", "--strong=it's"]
    assert shlex.split(command_line(words, "posix")) == words
    assert command_line([r"C:\my python\python.exe", "-m"], "nt") == r'"C:\my python\python.exe" -m'


def test_options_go_on_to_the_chat_of_a_page():
    given = {"demo": True, "api_base": None, "share": 0.3, "temporary": False, "strong": "a/b c"}
    assert flags(given) == ["--demo", "--share=0.3", "--strong=a/b c"]
    assert flags({"threshold": 0.0}) == ["--threshold=0.0"]


def test_keys_that_a_browser_takes_have_others(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LLMROUTE_HOME", str(home))
    (home / "settings.toml").write_text('[keys]\nwhy = "f9"\nfind = "alt+t"\n')
    assert for_browser(Program.open(demo=True)).settings.keys == {
        "why": "f9",
        "find": "alt+t",
        "new": "alt+n,ctrl+n",
    }


def test_taken_port_is_said(run: Run):
    with socket.socket() as other:
        other.bind((HOST, 0))
        port = other.getsockname()[1]
        other.listen()
        code, _, err = run("chat", "--web", "--demo", "--port", str(port))
    assert code == 2
    assert f"Port {port} cannot be used" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--port", "8000"], "--web"),
        (["--web", "--screen-reader"], "terminal"),
        (["--web", "--theme", "none-such"], "theme"),
    ],
)
def test_what_does_not_go_together_is_said(run: Run, words: list[str], told: str):
    code, _, err = run("chat", "--demo", *words)
    assert code == 2
    assert told in err
