"""A server on loopback that answers within a `with` statement."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Loopback:
    """What the servers of the tests have in common: a port, a thread for each request, an end."""

    def listen(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> int:
        """The port at which the handler will answer; any free one for 0."""
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        return self._http.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
