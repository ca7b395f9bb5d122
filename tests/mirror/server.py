"""A web server on the loopback interface that serves a folder, by ranges too, with faults as a test asks for them."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import itertools
import mimetypes
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote


class Site:
    """The served folder, what was asked of it and sent, and its faults: answers that a path gives in place of its file.

    requests: path and Range header of each, in order. sent: bytes of bodies, by path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, ""
        self.faults: dict[str, Iterator[Answer]] = {}
        self.requests: list[tuple[str, str]] = []
        self.sent: dict[str, int] = {}
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"{self.root}/{path}"

    def put(self, path: str, content: bytes) -> str:
        """Serve `content` under a path; returns its URL."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)
        return self.url(path)

    def fail(self, path: str, *answers: Answer) -> None:
        """Answer so, one a request; then rightly."""
        self.faults[path] = iter(answers)

    def always(self, path: str, answer: Answer) -> None:
        self.faults[path] = itertools.repeat(answer)

    def asked(self, path: str) -> list[str]:
        """The Range headers of the requests for a path."""
        return [asked for name, asked in self.requests if name == path]


class Exchange(http.server.BaseHTTPRequestHandler):
    """A request and its answer. site: set by `serving`."""

    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.name = unquote(self.path).lstrip("/")
        self.site.requests.append((self.name, self.headers.get("Range", "")))
        answer = next(self.site.faults.get(self.name, iter(())), serve)
        answer(self)

    def begin(self, status: int, length: int, kind: str = "application/octet-stream", **headers: str) -> None:
        """headers: `Retry_After="1"` and the like; they may say otherwise about the length than is true."""
        self.send_response(status)
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, content: bytes) -> None:
        self.site.sent[self.name] = self.site.sent.get(self.name, 0) + len(content)
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


Answer = Callable[[Exchange], None]


def serve(exchange: Exchange, *, stop: int | None = None, ranges: bool = True) -> None:
    """The file, or the folder's index.html, as a good server does (RFC 9110).

    stop: send that many bytes of the body and no more. ranges: heed the Range header.
    """
    path = exchange.site.folder / exchange.name
    path = path / "index.html" if path.is_dir() else path
    if not path.is_file():
        exchange.begin(HTTPStatus.NOT_FOUND, 0)
        return
    content = path.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    tag = f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"'
    asked = re.fullmatch(r"bytes=(\d+)-", exchange.headers.get("Range", "")) if ranges else None
    if asked and exchange.headers.get("If-Range", tag) == tag:
        start, total = int(asked[1]), len(content)
        if start >= total:
            exchange.begin(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, Content_Range=f"bytes */{total}")
            return
        content = content[start:]
        place = f"bytes {start}-{total - 1}/{total}"
        exchange.begin(HTTPStatus.PARTIAL_CONTENT, len(content), kind, ETag=tag, Content_Range=place)
    else:
        exchange.begin(HTTPStatus.OK, len(content), kind, ETag=tag)
    exchange.send(content[:stop])


def whole(exchange: Exchange) -> None:
    """All of the file, whatever range is asked for."""
    serve(exchange, ranges=False)


def cut(after: int, *, ranges: bool = True) -> Answer:
    """Close the connection after so many bytes of the body."""

    def answer(exchange: Exchange) -> None:
        serve(exchange, stop=after, ranges=ranges)
        exchange.close_connection = True

    return answer


def stall(after: int) -> Answer:
    """Send so many bytes of the body, and nothing more until the site closes."""

    def answer(exchange: Exchange) -> None:
        serve(exchange, stop=after)
        exchange.site.closing.wait()
        exchange.close_connection = True

    return answer


def reply(content: bytes = b"", *, status: int = 200, kind: str = "application/octet-stream", **headers: str) -> Answer:
    """Other bytes than the file's, a server error, a web page."""

    def answer(exchange: Exchange) -> None:
        exchange.begin(status, len(content), kind, **headers)
        exchange.send(content)

    return answer


def redirect(target: str) -> Answer:
    return reply(status=302, Location=target)


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away, or are killed, are what many tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve `folder` until the block ends; within it, no proxy stands between."""
    site = Site(folder)
    handler = type("Handler", (Exchange,), {"site": site})
    server = _Server(("127.0.0.1", 0), handler)
    site.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        with patch.dict(os.environ, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}):
            yield site
    finally:
        site.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
