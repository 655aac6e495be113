"""Serves a package index on loopback, of tiny wheels made for one test: a mirror's later releases, without the network."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


def wheel(name: str, version: str, requires: Sequence[str] = (), extras: Sequence[str] = ()) -> tuple[str, bytes]:
    """A wheel without code, whose metadata says what the package asks for: its file name and content."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [
        *("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"),
        *(f"Provides-Extra: {extra}" for extra in extras),
        *(f"Requires-Dist: {requirement}" for requirement in requires),
    ]
    files = {
        f"{stem}.dist-info/METADATA": "\n".join([*metadata, ""]),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
        archive.writestr(zipfile.ZipInfo(record), "".join(f"{path},,\n" for path in [*files, record]))
    return f"{stem}-py3-none-any.whl", content.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """uv ends connections that it needs no longer."""


@contextmanager
def serving(wheels: Mapping[str, Sequence[tuple[str, bytes]]]) -> Iterator[str]:
    """The index's URL: a page for each project (PEP 691), and its wheels."""
    pages = {f"/simple/{project}/": _page(project, files) for project, files in wheels.items()}
    contents = {f"/files/{name}": content for files in wheels.values() for name, content in files}

    class Index(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path in pages:
                self._answer(200, "application/vnd.pypi.simple.v1+json", pages[self.path])
            elif self.path in contents:
                self._answer(200, "application/octet-stream", contents[self.path])
            else:
                self._answer(404, "text/plain", b"")

        def _answer(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            """A test's output is not an access log."""

    server = Server(("127.0.0.1", 0), Index)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def _page(project: str, files: Sequence[tuple[str, bytes]]) -> bytes:
    listed = [{"filename": name, "url": f"/files/{name}", "hashes": {"sha256": sha256(content)}} for name, content in files]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": listed}).encode()
