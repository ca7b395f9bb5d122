"""A web server on the loopback interface that serves a folder, by ranges too, with faults as a test asks for them."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


class Site:
    """The served folder, and faults: answers that a path gives first, one a request, before it is served rightly."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, ""
        self.faults: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, str]] = []  # path and Range header, in order


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """Serve `folder` until the block ends."""
    site = Site(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path).lstrip("/")
            asked = self.headers.get("Range", "")
            site.requests.append((path, asked))
            if site.faults.get(path):
                site.faults[path].pop(0)(self)
            else:
                _serve(self, site.folder / path, asked)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.root = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _serve(handler: http.server.BaseHTTPRequestHandler, path: Path, asked: str) -> None:
    if not path.is_file():
        handler.send_error(404)
        return
    content = path.read_bytes()
    start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
    handler.send_response(206 if asked else 200)
    if asked:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    handler.send_header("Content-Length", str(len(content) - start))
    handler.send_header("ETag", f'"{len(content)}"')
    handler.end_headers()
    handler.wfile.write(content[start:])
