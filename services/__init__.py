"""What happens: use cases. No Telegram, no commit; the session first, the rest by keyword."""
