"""A small web server on the loopback interface that answers as a test tells it to."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Site:
    """Paths and their answers; one answer per request, the last one for ever. `hits` counts the requests of a path."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.hits: dict[str, int] = {}
        self.root = ""

    def url(self, path: str) -> str:
        return self.root + path

    def serve(self, path: str, *answers: Answer) -> str:
        self.answers[path] = list(answers)
        return self.url(path)


def body(
    content: bytes, *, status: int = 200, kind: str = "application/octet-stream", claim: int | None = None
) -> Answer:
    """Send `content`; `claim` is the length that the header promises, where it is not the true one."""

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content) if claim is None else claim))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def redirect(target: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", target)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@contextlib.contextmanager
def running() -> Iterator[Site]:
    """A site that answers until the block ends."""
    pages = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages.hits[self.path] = pages.hits.get(self.path, 0) + 1
            queue = pages.answers.get(self.path)
            answer = body(b"no such page", status=404) if not queue else queue.pop(0) if len(queue) > 1 else queue[0]
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
