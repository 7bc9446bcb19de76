"""`sentinel webhook`: what Telegram knows of ours."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import typer

from bot.commands.app import app, in_one_line, load

webhook_app = typer.Typer(help="How Telegram brings updates.", no_args_is_help=True)
app.add_typer(webhook_app, name="webhook")


@webhook_app.command("show")
def webhook_show() -> None:
    """What Telegram says of the webhook: where it is, what waits, what failed last."""
    info = _call_telegram("getWebhookInfo")
    typer.echo(f"url: {info['url'] or 'none: the bot asks by itself (sentinel run)'}")
    typer.echo(f"waiting updates: {info.get('pending_update_count', 0)}")
    if info.get("last_error_message"):
        when = datetime.fromtimestamp(info["last_error_date"], UTC)
        typer.echo(f"last error: {info['last_error_message']} ({when:%Y-%m-%d %H:%M} UTC)")


@webhook_app.command("remove")
def webhook_remove() -> None:
    """Have Telegram bring updates no more; what waits is kept for who asks next."""
    _call_telegram("deleteWebhook", {"drop_pending_updates": False})
    typer.echo("webhook: removed")


def _call_telegram(method: str, parameters: dict[str, Any] | None = None) -> Any:
    """Call a method of the Bot API.

    Raises:
        typer.Exit: with code 1 or 2, where there is no token or no answer.
    """
    from telegram.error import TelegramError  # noqa: PLC0415

    from bot.application import outgoing  # noqa: PLC0415
    from bot.bot_api import BotApi  # noqa: PLC0415

    settings = load()
    token = settings.telegram.token
    if token is None:
        typer.echo("No token: set SENTINEL_TELEGRAM__TOKEN.", err=True)
        raise typer.Exit(2)

    async def call() -> Any:
        request = outgoing(settings.telegram, connections=2)
        url = settings.telegram.api_url
        async with BotApi(token.get_secret_value(), url, request) as api:
            return await api.call(method, parameters)

    try:
        return asyncio.run(call())
    except TelegramError as error:
        typer.echo(f"Telegram: {in_one_line(error)}", err=True)
        raise typer.Exit(1) from None
