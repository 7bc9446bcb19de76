"""A local S3 server, and servers that answer as a bucket in trouble does."""

import itertools
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class S3Server:
    """Buckets on a port of this machine, in the memory of this process."""

    def __init__(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self._address = self._server.get_host_and_port()
        self._numbers = itertools.count(1)

    @property
    def endpoint(self) -> str:
        """Where it is, as AWS_ENDPOINT_URL takes it."""
        host, port = self._address
        return f"http://{host}:{port}"

    def make(self) -> str:
        """A new, empty bucket; its name."""
        name = f"photos-{next(self._numbers)}"
        assert self._say("PUT", f"/{name}") == 200
        return name

    @contextmanager
    def closed_to_strangers(self) -> Iterator[None]:
        """Keys are looked at while the block runs, and none is known."""
        self._look_at_keys("0")
        try:
            yield
        finally:
            self._look_at_keys("inf")

    def _look_at_keys(self, after: str) -> None:
        assert self._say("POST", "/moto-api/reset-auth", after) == 200

    def _say(self, method: str, path: str, body: str = "") -> int:
        connection = HTTPConnection(*self._address)
        try:
            connection.request(method, path, body, {"Content-Type": "text/plain"})
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> None:
        """End it; the buckets are gone."""
        self._server.stop()


def point_at(endpoint: str, patch: pytest.MonkeyPatch) -> None:
    """Let the environment lead to an endpoint on this machine, and to nowhere else."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name)
    patch.setenv("AWS_ENDPOINT_URL", endpoint)
    patch.setenv("AWS_ALLOW_HTTP", "true")
    patch.setenv("AWS_REGION", "us-east-1")
    patch.setenv("AWS_ACCESS_KEY_ID", "street-sentinel")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "kept-for-tests")


@contextmanager
def refusing(status: int, code: str, *, times: int = 1000) -> Iterator[str]:
    """A server without a single object that answers what is put with an error; its address.

    After so many times it takes what is put, and forgets it.
    """
    left = itertools.chain(itertools.repeat((status, code), times), itertools.repeat((200, "")))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer, why = next(left)
            body = f"<Error><Code>{why}</Code></Error>".encode()
            self.send_response(answer)
            self.send_header("ETag", '"0"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nobody reads along."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes every connection and never says a word; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


NOBODY = "http://127.0.0.1:9"
