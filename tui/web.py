"""The chat in a browser on this machine: Textual's server behind a secret address.

The address contains a secret, since whoever opens it can use the user's keys: other users of the
machine cannot guess it, and a page of another site neither knows it nor is let in.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import join
from subprocess import list2cmdline

from aiohttp import web
from textual_serve.server import Server

from tui.errors import UsageError

HOST = "127.0.0.1"
LEAVE_SECONDS = 5.0  # for the chats to keep what they have, once the server is to end
PAGES = Path(__file__).with_name("pages")  # Textual's own page asks another site for its font
POLICY = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; connect-src 'self' {ws}; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ChatServer(Server):
    """Serves one chat, in a process of its own, to each page that is opened.

    Attributes:
        address: what to open; `secret` is its path.
    """

    def __init__(
        self, words: Sequence[str], port: int, secret: str, say: Callable[[str], None]
    ) -> None:
        command = command_line([sys.executable, "-m", "tui.cli", "chat", *words])
        super().__init__(command, host=HOST, port=port, title="llmroute", templates_path=PAGES)
        self.secret = secret
        self.address = f"{self.public_url}/{secret}/"
        self._say = say

    async def make(self) -> web.Application:
        """The application: Textual's below the secret, nothing beside it."""
        outer = web.Application(middlewares=[self._guard])
        outer.add_subapp(f"/{self.secret}", await self._make_app())
        return outer

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is."""
        self._say(f"The chat is at {self.address}\nThe address is yours alone. Ctrl+C ends it.")

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse requests for another host name or from another site's page."""
        origin = request.headers.get("Origin", self.public_url)
        if request.host != f"{HOST}:{self.port}" or origin != self.public_url:
            raise web.HTTPForbidden(text=f"The chat is served at {self.public_url} only.")
        response = await handler(request)
        if not response.prepared:
            ws = self.public_url.replace("http", "ws", 1)
            response.headers.update({name: told.format(ws=ws) for name, told in POLICY.items()})
        return response


def command_line(words: Sequence[str], system: str = os.name) -> str:
    """The words quoted for the system's shell, which Textual's server starts the chat in."""
    return list2cmdline(words) if system == "nt" else join(words)


def serve(words: Sequence[str], port: int, say: Callable[[str], None]) -> None:
    """Serve the chat until Ctrl+C; `words` are its flags. Port 0 is any free one.

    Raises:
        UsageError: the port is taken, or not ours to take.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()  # before the address is told
        except OSError as error:
            raise UsageError(
                f"Port {port} cannot be used: {error.strerror}.",
                hint="Without --port a free one is taken.",
            ) from error
        logging.getLogger("textual-serve").addHandler(logging.StreamHandler(sys.stderr))
        server = ChatServer(words, listening.getsockname()[1], secrets.token_urlsafe(16), say)
        web.run_app(server.make(), sock=listening, print=_nothing, shutdown_timeout=LEAVE_SECONDS)


def flags(given: Mapping[str, object]) -> list[str]:
    """The options as words of a command line; those that were not given are left out."""
    return list(_flags(given))


def _flags(given: Mapping[str, object]) -> Iterator[str]:
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            yield option
        elif value is not None and value is not False:
            yield f"{option}={value}"


def _nothing(*_: object) -> None:
    """Textual's server has told the address."""
