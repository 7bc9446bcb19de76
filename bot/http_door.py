"""A small HTTP server inside the event loop, for the webhook and for the private port."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

# Seconds for requests under way when we are told to end.
LAST_WORDS_S = 5


class CannotListen(Exception):  # noqa: N818 - an answer to the operator
    """The address is not ours or is taken; the message is one line."""


class HttpDoor:
    """One application on one address."""

    def __init__(self, app: ASGIApp, address: str) -> None:
        """Nothing is opened yet.

        Args:
            app: what answers.
            address: `host:port`; port 0 takes any free one.
        """
        self._address = address
        self._socket: socket.socket | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                ws="none",
                timeout_graceful_shutdown=LAST_WORDS_S,
            )
        )

    def open(self) -> int:
        """Begin to listen; who calls now is answered once `run` runs.

        Returns:
            The port.

        Raises:
            CannotListen: the address cannot be had.
        """
        host, _, port = self._address.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        # Ports of connections that just ended may be taken again at once.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, int(port)))
            listening.listen(256)
        except OSError as error:
            listening.close()
            raise CannotListen(f"cannot listen on {self._address}: {error.strerror}") from error
        listening.setblocking(False)
        self._socket = listening
        return int(listening.getsockname()[1])

    async def run(self) -> None:
        """Answer until stopped; requests under way are finished first."""
        assert self._socket is not None
        with self._socket:
            await self._server.serve(sockets=[self._socket])

    def close(self) -> None:
        """Listen no more, also where `run` never began."""
        if self._socket is not None:
            self._socket.close()

    def stop(self) -> None:
        """Take no more requests; end `run` after those under way."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers: signals belong to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield
