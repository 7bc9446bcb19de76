"""What is written down of what happens: never a token, a name, a coordinate or a person's text."""

import logging
import sys
import traceback
from pathlib import Path

import structlog

from bot.settings import Logs

# Libraries that log addresses of requests, in which the bot's token stands.
_TALKATIVE = (
    "alembic",
    "httpx",
    "httpcore",
    "aiohttp",
    "telegram",
    "apscheduler",
    "uvicorn",
    "asyncio",
    "fontTools",
)


def frames_of(error: BaseException) -> list[str]:
    """Where an error came from, innermost last: places only, none of the values people sent."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def configure(logs: Logs) -> None:
    """Set up logging for the whole process.

    Args:
        logs: console or JSON, and from which level on.
    """
    level = getattr(logging, logs.level.upper())
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if logs.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
