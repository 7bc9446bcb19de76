"""How far a long command has come: bars on a terminal, nothing where there is none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Told what is under way, how much of it is done, and how much it is in all.
Show = Callable[[str, int, int], object]


@contextmanager
def bars() -> Iterator[Show]:
    """One bar for each thing that is told of, on the standard error; gone at the end."""
    from rich.console import Console  # noqa: PLC0415 - only what takes long draws
    from rich.progress import Progress, TaskID  # noqa: PLC0415

    known: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:

        def show(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = progress.add_task(what)
            progress.update(known[what], completed=done, total=total)

        yield show
