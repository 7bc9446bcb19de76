"""A chat on this machine that a bot cannot tell from Telegram."""
