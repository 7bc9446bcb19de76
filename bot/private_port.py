"""The private port: is the process alive, can it work, and how do things stand.

For monitoring and for the proxy in front; it has no lock on its door and must not face the world.
"""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.database import Database
from bot.metrics import CONTENT_TYPE_LATEST, Metrics
from services import figures

log = structlog.get_logger()


def app(database: Database, metrics: Metrics, hears: Callable[[], bool]) -> Starlette:
    """The three pages.

    Args:
        database: asked anew at each look.
        metrics: what this process counted.
        hears: whether updates can reach this process.

    Returns:
        `/healthz` says that the process runs, `/readyz` that it can take updates in and write them
        down, `/metrics` how things stand.
    """

    async def now() -> figures.Figures | None:
        try:
            return await database.run(figures.now)
        except SQLAlchemyError as error:
            log.warning("figures_not_read", error=type(error).__name__)
            return None

    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        if not hears():
            return PlainTextResponse("no way for updates yet\n", 503)
        if await now() is None:
            return PlainTextResponse("the database is away\n", 503)
        return PlainTextResponse("ok\n")

    async def everything(_request: Request) -> Response:
        return Response(metrics.write(await now()), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", everything),
        ]
    )
