"""`sentinel webhook`: what Telegram knows of ours."""

from datetime import UTC, datetime

import typer

from bot.commands.app import app, call_telegram

webhook_app = typer.Typer(help="How Telegram brings updates.", no_args_is_help=True)
app.add_typer(webhook_app, name="webhook")


@webhook_app.command("show")
def webhook_show() -> None:
    """What Telegram says of the webhook: where it is, what waits, what failed last."""
    info = call_telegram("getWebhookInfo")
    typer.echo(f"url: {info['url'] or 'none: the bot asks by itself (sentinel run)'}")
    typer.echo(f"waiting updates: {info.get('pending_update_count', 0)}")
    if info.get("last_error_message"):
        when = datetime.fromtimestamp(info["last_error_date"], UTC)
        typer.echo(f"last error: {info['last_error_message']} ({when:%Y-%m-%d %H:%M} UTC)")


@webhook_app.command("remove")
def webhook_remove() -> None:
    """Have Telegram bring updates no more; what waits is kept for who asks next."""
    call_telegram("deleteWebhook", {"drop_pending_updates": False})
    typer.echo("webhook: removed")
