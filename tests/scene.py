"""A street with people in it: drafts and reports made the way riders make them, by the services."""

import itertools

from sqlalchemy import select

from models import Draft, DraftPhoto, Person, Photo, Report, clock
from models.policy import Policy
from models.reports import PlaceSource
from services import drafts, people, photos, reports
from services.districts import Districts

# In Shanyao by Yongjia Rd / Zhongxing St, 15 m north of it, and 200 m north of it.
HERE = (25.1181, 118.9050)
NEXT_DOOR = (25.118235, 118.9050)
UP_THE_ROAD = (25.1199, 118.9050)


class Scene:
    """Makes whoever and whatever a test needs; nobody and nothing is made twice."""

    def __init__(self, policy: Policy, districts: Districts) -> None:
        self.policy = policy
        self.districts = districts
        self._numbers = itertools.count(1001)

    def person(self, session, *, language_code: str = "zh-hans") -> Person:
        """Somebody new."""
        return people.meet(
            session,
            person_id=next(self._numbers),
            language_code=language_code,
            policy=self.policy,
        )

    def photo(self, **told) -> photos.Sent:
        """A picture as an update tells of it; another one each time."""
        number = next(self._numbers)
        values = {
            "file_id": f"file-{number}",
            "file_unique_id": f"unique-{number}",
            "as_file": False,
            "forwarded": False,
            "sent_at": clock.now(),
        }
        return photos.Sent(**(values | told))

    def draft(
        self,
        session,
        person: Person,
        *,
        place: tuple[float, float] | None = HERE,
        category: str | None = "guardrail",
        pictures: int = 1,
    ) -> Draft:
        """A draft; complete unless something is left out."""
        draft = drafts.start(session, person=person, policy=self.policy)
        for _ in range(pictures):
            drafts.add_photo(session, draft=draft, sent=self.photo(), policy=self.policy)
        if place is not None:
            drafts.set_place(
                draft,
                latitude=place[0],
                longitude=place[1],
                accuracy_m=None,
                source=PlaceSource.PIN,
                districts=self.districts,
                policy=self.policy,
            )
        if category is not None:
            drafts.set_category(draft, code=category, policy=self.policy)
        session.flush()
        return draft

    def pictures_of(self, session, draft: Draft) -> list[Photo]:
        """The photos of a draft, in order."""
        rows = select(DraftPhoto).where(DraftPhoto.draft_id == draft.id)
        ordered = session.scalars(rows.order_by(DraftPhoto.position)).all()
        return [session.get(Photo, row.photo_id) for row in ordered]

    def report(self, session, person: Person | None = None, **told) -> Report:
        """A submitted report, of somebody new unless a person is given."""
        person = person or self.person(session)
        draft = self.draft(session, person, **told)
        return reports.submit(
            session, draft=draft, person=person, policy=self.policy, districts=self.districts
        )
