"""What a chat shows before anything is said: the commands, and what the bot is for."""

from locales import N_

COMMANDS: tuple[tuple[str, str], ...] = (
    ("report", N_("Report a hazard")),
    ("myreports", N_("Your reports")),
    ("points", N_("Your points")),
    ("rewards", N_("What points are good for")),
    ("vouchers", N_("Your vouchers")),
    ("language", N_("中文 / English")),
    ("cancel", N_("Throw the unfinished report away")),
    ("help", N_("How it works")),
)

DESK_COMMANDS: tuple[tuple[str, str], ...] = (
    ("queue", N_("The next cards")),
    ("show", N_("A report by its number")),
    ("search", N_("Find reports")),
    ("desk", N_("Figures, for chiefs")),
    ("help", N_("How the desk works")),
)

# At most 120 characters, Telegram's limit for the short one.
DESCRIPTION = N_("See a hazard? Send a photo. Approved reports earn points.")
