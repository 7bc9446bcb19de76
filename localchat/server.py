"""The local chat over HTTP, on loopback only: the bot's door, the people's door, the chat page."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from localchat.bot_http import BotDoor
from localchat.guards import LOOPBACK, BodyLimit, LoopbackOnly
from localchat.json_types import Json
from localchat.people_api import PeopleDoor
from localchat.waiting import Closing
from localchat.webhook import deliver
from localchat.world import World

HOST = "127.0.0.1"
PORT = 8765
PORTS_TRIED = 20
LAST_WORDS_S = 2
# A browser asks each time whether a script changed; the answer is mostly 304.
_FRESH = {"Cache-Control": "no-cache"}


class PortTakenError(Exception):
    """Somebody else listens there."""


class NotLoopbackError(Exception):
    """An address other machines could reach."""


class _Page(StaticFiles):
    def file_response(self, *args: object, **more: object) -> Response:
        response: Response = super().file_response(*args, **more)  # type: ignore[arg-type]
        response.headers.update(_FRESH)
        return response


def build(
    world: World,
    *,
    page: Path | None = None,
    districts: Json | None = None,
    places: Json | None = None,
    samples: Path | None = None,
) -> Starlette:
    """Put the doors together.

    Args:
        world: what is behind them.
        page: folder of the chat page; None serves none.
        districts: GeoJSON of the districts, for the page's map.
        places: GeoJSON points of named places.
        samples: folder of sample pictures with an `index.json`.

    Returns:
        The application. While it runs, its lifespan delivers to a webhook, if one is set;
        `state.world` is the world and `state.closing` tells open requests to end.
    """
    closing = Closing()
    people = PeopleDoor(world, closing, districts=districts, places=places, samples=samples)
    routes: list[BaseRoute] = [*BotDoor(world, closing).routes(), *people.routes()]
    if page is not None:
        routes.append(Mount("/", _Page(directory=page, html=True)))
    else:
        routes.append(Route("/", _no_page))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            courier = group.create_task(deliver(world))
            try:
                yield
            finally:
                courier.cancel()

    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[Middleware(LoopbackOnly), Middleware(BodyLimit)],
    )
    app.state.world = world
    app.state.closing = closing
    return app


def find_port(preferred: int = PORT, host: str = HOST) -> int:
    """The first free port from a preferred one upwards.

    Raises:
        PortTakenError: none of the next twenty is free.
    """
    for port in range(preferred, preferred + PORTS_TRIED):
        with contextlib.suppress(PortTakenError), _listening(host, port):
            return port
    raise PortTakenError(f"ports {preferred} to {preferred + PORTS_TRIED - 1} are all taken")


async def serve(
    app: Starlette,
    host: str = HOST,
    port: int = PORT,
    *,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until cancelled; then end open streams and polls, and return promptly.

    Installs no signal handlers: whoever runs the loop decides when it ends.

    Args:
        app: as `build` made it.
        host: an address of this machine only.
        port: 0 takes any free one.
        ready: told the address, e.g. `http://127.0.0.1:8765`, once requests are answered.

    Raises:
        NotLoopbackError: others could reach this address.
        PortTakenError: somebody listens there already.
    """
    if host not in LOOPBACK:
        raise NotLoopbackError(f"the local chat listens on this machine only, not on {host}")
    with _listening(host, port) as listening:
        bound = listening.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            log_level="error",
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=LAST_WORDS_S,
        )
        server = _Server(config, app, lambda: ready(f"http://{shown}:{bound}") if ready else None)
        try:
            await server.serve(sockets=[listening])
        except asyncio.CancelledError:
            await server.shutdown(sockets=[listening])
            raise


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers, whose open requests hear that it ends."""

    def __init__(self, config: uvicorn.Config, app: Starlette, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to whoever runs the loop."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        if self.started:
            self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: first whoever waits for news, then the connections."""
        self._app.state.closing.now = True
        self._app.state.world.ring()
        await super().shutdown(sockets)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        # Ports of connections that just ended may be taken again at once.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            raise PortTakenError(f"port {port} is taken by another program") from error
        listening.setblocking(False)
        yield listening


async def _no_page(_request: Request) -> Response:
    return PlainTextResponse("The local chat is here; its page is not installed.\n")
