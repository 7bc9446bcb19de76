"""An album arrives photo by photo, but its sender sent one thing and hears one answer."""

from models import Draft, Report
from services.refusals import Refusal, TooManyPhotos


def needs_answer(owner: Draft | Report, *, album: str | None, refusal: Refusal | None) -> bool:
    """Whether something is to be said of a photo that was just added, or refused.

    Args:
        owner: the draft or report it was for; remembers the album and what was told of it.
        album: the album it is a part of, if it is.
        refusal: why it was not added; None if it was.

    Returns:
        True for a single photo, for an album's first part, and once if parts found no room.
    """
    if album is None:
        return True
    first = owner.media_group_id != album
    if first:
        owner.media_group_id, owner.surplus_told = album, False
    if isinstance(refusal, TooManyPhotos):
        told, owner.surplus_told = owner.surplus_told, True
        return not told
    return first
