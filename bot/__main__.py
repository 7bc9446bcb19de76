"""The command line: `sentinel --help` lists what there is; bot/commands holds it."""

from bot.commands import (
    catalogue,
    export,
    keeping,
    ledger,
    outbox,
    qr,
    running,
    shops,
    webhook,
)
from bot.commands.app import app

__all__ = [
    "app",
    "catalogue",
    "export",
    "keeping",
    "ledger",
    "outbox",
    "qr",
    "running",
    "shops",
    "webhook",
]

if __name__ == "__main__":
    app()
