"""What proves a voucher: a token of 128 random bits in the QR code, and a short code to be typed.

Both are kept as hashes only. The code has 7 random characters and a check digit, of 31 characters
that cannot be taken for each other. As 31 is a prime, the weighted sum tells every single wrong
character and every two that were swapped.
"""

import hashlib
import re
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
LENGTH = 8
# What a deep link to a voucher begins with; the token follows.
LINK_PREFIX = "v_"
TOKEN_BYTES = 16

_ASIDE = re.compile(r"[\s\-–—_.·]")
assert len(ALPHABET) == 31


def new_token() -> str:
    """A token: 22 characters that a link can carry."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_code() -> str:
    """A code: 8 characters, the last of them the check digit."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1))
    return body + _check_digit(body)


def hashed(secret: str) -> str:
    """What is kept of a token or code."""
    return hashlib.sha256(secret.encode()).hexdigest()


def plain(text: str) -> str | None:
    """The code in what somebody typed, whatever its case, spaces and dashes.

    Returns:
        Eight characters of our alphabet; None if it does not look like a code at all.
    """
    if len(text) > 40:
        return None
    code = _ASIDE.sub("", text).upper()
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None


def is_right(code: str) -> bool:
    """Whether the check digit of a code fits."""
    return _check_digit(code[:-1]) == code[-1]


def spoken(code: str) -> str:
    """A code in two groups, as people read it out: ABCD-EFGH."""
    return f"{code[:4]}-{code[4:]}"


def _check_digit(body: str) -> str:
    # Weights 2 … 8: each its own, none of them a multiple of 31, and none of them 1, which is the
    # check digit's: so it cannot be swapped with its neighbour unseen either.
    total = sum(weight * ALPHABET.index(one) for weight, one in enumerate(body, start=2))
    return ALPHABET[-total % len(ALPHABET)]
