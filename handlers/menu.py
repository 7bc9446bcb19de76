"""The commands a private chat offers, as its menu shows them."""

from locales import N_

COMMANDS: tuple[tuple[str, str], ...] = (
    ("report", N_("Report a hazard")),
    ("myreports", N_("Your reports")),
    ("points", N_("Your points")),
    ("language", N_("中文 / English")),
    ("cancel", N_("Throw the unfinished report away")),
    ("help", N_("How it works")),
)
