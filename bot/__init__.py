"""The process: wiring and I/O."""

import os

# PTB's durations as timedeltas, which will be its default: asking for plain numbers only warns.
os.environ.setdefault("PTB_TIMEDELTA", "1")
