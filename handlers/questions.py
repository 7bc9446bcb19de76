"""How a draft asks for what it lacks: the one place that words these questions."""

from html import escape

from handlers import callbacks, views
from handlers.callbacks import DRAFT
from handlers.context import Turn
from handlers.views import Button, View
from locales import Words
from models import Draft, clock
from services import photos, reports, spots
from services.drafts import Step
from services.spots import Spot

# Buttons of the likeliest categories on the first keyboard; the rest is one tap away.
LIKELY = 3


def question(turn: Turn, draft: Draft, step: Step, lead: str = "") -> View:
    """The message that asks for one thing."""
    words = turn.words
    lead = escape(lead)
    pack = callbacks.pack
    match step:
        case Step.PHOTO:
            text = words.tr("Now a photo of it, please.")
            if draft.has_place:
                text = f"{_known(turn, draft)}\n{text}"
            return View(views.sentences(lead, text, words=words))
        case Step.PLACE:
            text = words.tr("Where is it?")
            return View(
                views.sentences(lead, text, words=words),
                location_button=words.tr("📍 Send my location"),
                placeholder=words.tr("Elsewhere: attach → Location"),
            )
        case Step.CONFIRM_PLACE:
            text = words.tr(
                "{place}, give or take {distance}. Is it there? If not, send the place again.",
                place=_place(turn, draft),
                distance=words.distance(draft.accuracy_m or 0),
            )
            yes = Button(words.tr("Yes, here"), pack(DRAFT, "yes", draft.id), style="primary")
            return View(views.sentences(lead, text, words=words), rows=((yes,),))
        case Step.CATEGORY:
            text = words.tr("{place}. What kind?", place=_place(turn, draft))
            text = views.sentences(lead, text, words=words)
            return View(text, rows=_likely_rows(turn, draft, words))
        case Step.NEARBY:
            return _nearby_question(turn, draft, words, lead)
        case Step.READY:
            again = Button(words.tr("Report it"), pack(DRAFT, "send", draft.id), style="primary")
            text = words.tr("Everything is there. Report it now?")
            return View(views.sentences(lead, text, words=words), rows=((again,),))


def about_spot(turn: Turn, draft: Draft, spot: Spot) -> View:
    """The message that asks whether what was begun is about the spot whose code was scanned."""
    words, pack = turn.words, callbacks.pack
    text = words.tr(
        "You have begun a report already. Is it about this spot: {place}?",
        place=_place_at(turn, spot.latitude, spot.longitude),
    )
    here = pack(DRAFT, "spot", draft.id, spots.packed(spot))
    return View(
        text,
        rows=(
            (
                Button(words.tr("Yes, here"), here, style="primary"),
                Button(words.tr("Elsewhere"), pack(DRAFT, "keep", draft.id)),
            ),
        ),
    )


def _known(turn: Turn, draft: Draft) -> str:
    """What a draft without a photo has: its place, after its kind if that is known, too."""
    category = turn.policy.category(draft.category or "")
    if category is None:
        return _place(turn, draft)
    name = turn.words.choose(category.name.zh, category.name.en)
    return f"{category.emoji} {escape(name)} · {_place(turn, draft)}"


def _place(turn: Turn, draft: Draft) -> str:
    assert draft.latitude is not None
    assert draft.longitude is not None
    return _place_at(turn, draft.latitude, draft.longitude)


def _place_at(turn: Turn, latitude: float, longitude: float) -> str:
    districts = turn.house.districts
    near = districts.near_place(latitude, longitude, reports.NEAR_PLACE_M)
    return views.place_line(
        district=districts.locate(latitude, longitude),
        near_zh=near[0].name_zh if near else "",
        near_en=near[0].name_en if near else "",
        words=turn.words,
    )


def category_buttons(turn: Turn, draft: Draft) -> list[Button]:
    """A button for every category, the likeliest first: by the note, then by what is around."""
    codes = [category.code for category in turn.policy.suggested(draft.note)]
    # A button of an older question may be pressed when there is no place yet.
    if draft.latitude is not None and draft.longitude is not None:
        codes += reports.categories_around(
            turn.session, latitude=draft.latitude, longitude=draft.longitude
        )
    codes += [category.code for category in turn.policy.categories]
    found = [turn.policy.category(code) for code in dict.fromkeys(codes)]
    return [
        views.category_button(category, draft.id, turn.words)
        for category in found
        if category is not None
    ]


def _likely_rows(turn: Turn, draft: Draft, words: Words) -> views.Rows:
    more = Button(words.tr("More…"), callbacks.pack(DRAFT, "more", draft.id))
    return (category_buttons(turn, draft)[:LIKELY], (more,))


def _nearby_question(turn: Turn, draft: Draft, words: Words, lead: str) -> View:
    near = reports.same_nearby(turn.session, draft=draft, policy=turn.policy)
    assert near is not None
    report = reports.get(turn.session, report_id=near.report_id)
    assert report is not None
    picture = photos.first_of_report(turn.session, report_id=report.id)
    pack = callbacks.pack
    text = words.tr(
        "{distance} away, {age}: #{number} · {category}. Is yours the same one?",
        distance=words.distance(near.distance_m),
        age=words.ago(report.created_at, now=clock.now()),
        number=report.id,
        category=views.category_label(report, words),
    )
    same = pack(DRAFT, "same", draft.id, callbacks.base36(report.id))
    return View(
        views.sentences(lead, text, words=words),
        rows=(
            (
                Button(words.tr("Same one"), same, style="primary"),
                Button(words.tr("Different"), pack(DRAFT, "diff", draft.id)),
            ),
        ),
        photo_id=picture.id if picture else None,
    )
