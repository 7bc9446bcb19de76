"""`python -m locales update` brings the catalogues up to the code; `check` fails where they lag."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from locales import LANGUAGES, po_file

ROOT = Path(__file__).resolve().parent.parent
SPOKEN_IN = ("handlers", "locales", "bot")
KEYWORDS = {"tr": None, "trn": (1, 2), "N_": None}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def extracted() -> Catalog:
    """Every sentence the code says, with the places it is said."""
    template = Catalog(charset="utf-8")
    for folder in SPOKEN_IN:
        found = extract_from_dir(ROOT / folder, [("**.py", "python")], keywords=KEYWORDS)
        for filename, _, message, _, _ in found:
            # No line numbers: they would change with every edit and say little.
            template.add(message, locations=[(f"{folder}/{filename}", 0)])
    return template


def read(language: str) -> Catalog:
    """A language's catalogue as it lies on the disk; an empty one if there is none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update() -> None:
    """Add what is new, drop what is gone; English speaks for itself."""
    template = extracted()
    for language in LANGUAGES:
        catalogue = read(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        if language == "en":
            for message in catalogue:
                if message.id:
                    message.string = message.id
        path = po_file(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(
                file,
                catalogue,
                omit_header=False,
                sort_output=True,
                include_lineno=False,
                width=100,
            )


def problems() -> Iterator[str]:
    """What is missing, superfluous, unsure or differently filled in; nothing when all is well."""
    template = extracted()
    wanted = {message.id: message for message in template if message.id}
    for language in LANGUAGES:
        there = {message.id: message for message in read(language) if message.id}
        for text in wanted.keys() - there.keys():
            yield f"{language}: missing: {text!r}"
        for text in there.keys() - wanted.keys():
            yield f"{language}: said nowhere: {text!r}"
        for text in wanted.keys() & there.keys():
            message = there[text]
            strings = message.string if isinstance(message.string, tuple) else (message.string,)
            if message.fuzzy or not all(strings):
                yield f"{language}: not translated: {text!r}"
                continue
            ids = text if isinstance(text, tuple) else (text,)
            allowed = set(_PLACEHOLDER.findall(" ".join(str(part) for part in ids)))
            for string in strings:
                got = set(_PLACEHOLDER.findall(str(string)))
                # A singular may leave the number out; nothing else may be lost or made up.
                if got - allowed or (allowed - {"count"}) - got:
                    yield f"{language}: other placeholders: {text!r}"


def main() -> int:
    """Run the command that was asked for."""
    if sys.argv[1:] == ["update"]:
        update()
        return 0
    if sys.argv[1:] == ["check"]:
        found = sorted(problems())
        sys.stdout.writelines(f"{line}\n" for line in found)
        sys.stdout.write(f"catalogues: {len(found)} problems\n" if found else "catalogues: ok\n")
        return 1 if found else 0
    sys.stderr.write("usage: python -m locales update|check\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
