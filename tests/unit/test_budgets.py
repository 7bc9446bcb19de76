"""services/budgets.py and what is built on it: a group's minute, a desk's room, its board."""

from datetime import timedelta

import pytest

from models import Card, Chat, ChatBudget, ChatPause, clock
from models.cards import CardPurpose
from services import boards, budgets, cards, chats, outbox, workflow
from services.boards import Standing
from services.chats import ANY, Area

GROUP, OTHER, RIDER = -100, -200, 5
ALL = Area((), is_rest=True)


def queue(session, *, chat_id=GROUP, method="sendMessage", count=1, **payload):
    for _ in range(count):
        outbox.queue(session, chat_id=chat_id, method=method, payload=payload)


def sent(database, *, per_minute=18):
    """Send what may be sent now; how much that was."""
    count = 0
    while True:
        with database.transaction() as session:
            claimed = outbox.claim(
                session, holder=1, bulk_per_second=25, group_per_minute=per_minute
            )
            outcomes = [outbox.Sent(sending.id) for sending in claimed.sendings]
            outbox.settle(session, holder=1, outcomes=outcomes)
        if not outcomes:
            return count
        count += len(outcomes)


def spend(session, *, chat_id=GROUP, method="sendMessage", per_minute=18, **payload):
    return budgets.spend(
        session, chat_id=chat_id, method=method, payload=payload, per_minute=per_minute
    )


@pytest.mark.parametrize(
    ("method", "payload", "price"),
    [
        ("show", {"text": "x"}, 1),
        ("say", {"text": "x", "photo_id": 3}, 1),
        ("sendMediaGroup", {"photo_ids": [1, 2, 3]}, 3),
        ("pinChatMessage", {"message_id": 3}, 1),
        ("leaveChat", {}, 0),
    ],
)
def test_a_call_costs_what_it_says(method, payload, price):
    assert budgets.price(method, payload) == price


def test_the_window_slides(database, midday):
    with database.transaction() as session:
        for _ in range(9):
            assert spend(session)
    clock.advance(timedelta(seconds=30))
    with database.transaction() as session:
        for _ in range(9):
            assert spend(session)
        # Full: the group rests until the first of the window are a minute old.
        assert session.get(ChatPause, GROUP).until == midday + timedelta(seconds=60)
        assert not spend(session)
        assert spend(session, chat_id=OTHER)
        assert spend(session, method="leaveChat")
    clock.advance(timedelta(seconds=30))
    with database.transaction() as session:
        for _ in range(9):
            assert spend(session)
        assert not spend(session)


def test_what_is_larger_than_the_budget_goes_alone(database, midday):
    album = {"method": "sendMediaGroup", "photo_ids": list(range(6)), "per_minute": 4}
    with database.transaction() as session:
        assert spend(session, per_minute=4)
        assert not spend(session, **album)
    clock.advance(timedelta(seconds=60))
    with database.transaction() as session:
        assert spend(session, **album)
        assert not spend(session, per_minute=4)
    clock.advance(timedelta(seconds=60))
    with database.transaction() as session:
        assert spend(session, per_minute=4)


def test_the_sender_pays_and_waits_for_room(database, midday):
    with database.transaction() as session:
        queue(session, count=25)
        queue(session, chat_id=RIDER, count=25)
    assert sent(database) == 18 + 25
    with database.transaction() as session:
        assert outbox.next_due(session) == midday + timedelta(seconds=60)
        assert session.get(ChatBudget, RIDER) is None
    clock.advance(timedelta(seconds=60))
    assert sent(database) == 7


def test_without_a_budget_nothing_is_counted(database, midday):
    with database.transaction() as session:
        queue(session, count=40)
    assert sent(database, per_minute=0) == 40
    with database.transaction() as session:
        assert session.get(ChatBudget, GROUP) is None


def test_an_album_that_does_not_fit_holds_its_place(database, midday):
    with database.transaction() as session:
        queue(session, count=15)
        queue(session, method="sendMediaGroup", photo_ids=[1, 2, 3, 4])
        queue(session)
    assert sent(database) == 15
    clock.advance(timedelta(seconds=60))
    assert sent(database) == 2


def test_a_longer_rest_telegram_asked_for_is_kept(database, midday):
    with database.transaction() as session:
        queue(session, count=2)
        [sending] = outbox.claim(
            session, holder=1, bulk_per_second=25, group_per_minute=18
        ).sendings
        until = midday + timedelta(minutes=5)
        outbox.settle(session, holder=1, outcomes=[outbox.Pause(sending.id, GROUP, until)])
    clock.advance(timedelta(minutes=2))
    assert sent(database) == 0
    clock.advance(timedelta(minutes=3))
    assert sent(database) == 2


class TestRoom:
    def has_room(self, session, *, price=1, per_minute=18):
        return cards.has_room(session, chat_id=GROUP, price=price, per_minute=per_minute)

    def test_one_edit_is_kept_for_each_open_card_up_to_a_third(self, database, scene, midday):
        with database.transaction() as session:
            queue(session, count=11)
            assert self.has_room(session, price=6)
            for number in range(8):
                report = scene.report(session)
                session.add(Card(report_id=report.id, chat_id=GROUP, purpose=CardPurpose.REVIEW))
                session.flush()
                assert self.has_room(session, price=1)
                # One is kept for an answer.
                assert self.has_room(session, price=4) == (number < 2)
            queue(session)
            assert not self.has_room(session)

    def test_what_is_sent_and_what_waits_count_alike(self, database, midday):
        with database.transaction() as session:
            queue(session, count=20)
            assert not self.has_room(session)
        sent(database)
        clock.advance(timedelta(seconds=60))
        sent(database)
        with database.transaction() as session:
            # Of the last minute only two are left.
            assert budgets.used(session, chat_id=GROUP) == 2
            assert self.has_room(session)

    def test_a_large_card_counts_as_half_a_budget(self, database, midday):
        with database.transaction() as session:
            queue(session, count=8)
            assert self.has_room(session, price=13)
            queue(session)
            assert not self.has_room(session, price=13)

    def test_there_is_always_room_where_nobody_counts(self, database):
        with database.transaction() as session:
            queue(session, count=40)
            assert self.has_room(session, per_minute=0)

    @pytest.mark.parametrize("per_minute", [1, 2, 4, 20])
    def test_an_empty_minute_always_has_room(self, database, per_minute):
        with database.transaction() as session:
            assert self.has_room(session, price=13, per_minute=per_minute)


class TestAreas:
    def desk(self, session, chat_id, *districts):
        chat = chats.register(
            session,
            chat_id=chat_id,
            title=f"desk {chat_id}",
            purpose=chats.MODERATORS,
            name=None,
            language="en",
        )
        return chat, chats.assign(session, chat=chat, districts=districts or None)

    def owner(self, session, district):
        found = chats.desk_for(session, district=district)
        return found.id if found else None

    def test_each_district_has_one_desk(self, database, midday):
        with database.transaction() as session:
            assert chats.without_desk(session, codes=["a", "b"]) == ["a", "b"]
            _, lost = self.desk(session, -1, "a")
            assert lost == []
            assert chats.without_desk(session, codes=["a", "b"]) == ["b"]
            self.desk(session, -2)
            assert chats.without_desk(session, codes=["a", "b"]) == []
            assert [self.owner(session, code) for code in "ab"] == [-1, -2]
            assert chats.area_of(session, chat=session.get(Chat, -2)) == Area(("a",), is_rest=True)

    def test_what_is_assigned_anew_is_lost_elsewhere_once(self, database, midday):
        with database.transaction() as session:
            one, _ = self.desk(session, -1, "a", "b")
            two, lost = self.desk(session, -2, "b", "c")
            assert [(each.chat.id, each.codes) for each in lost] == [(-1, ("b",))]
            assert chats.assign(session, chat=two, districts=["b", "c"]) == []
            assert one.districts == ["a"]
            _, lost = self.desk(session, -3, "a")
            assert one.districts == []
            # It reviews nothing: not what nobody else does.
            assert self.owner(session, "z") is None
            assert chats.area_of(session, chat=one) == Area((), is_rest=False)

    def test_one_desk_has_the_rest(self, database, midday):
        with database.transaction() as session:
            one, _ = self.desk(session, -1)
            _, lost = self.desk(session, -2)
            assert [(each.chat.id, each.codes) for each in lost] == [(-1, None)]
            assert one.districts == []
            assert self.owner(session, "a") == -2

    def test_of_two_from_an_earlier_version_the_first_has_the_rest(self, database, midday):
        with database.transaction() as session:
            for chat_id in (-1, -2):
                self.desk(session, chat_id)
                clock.advance(timedelta(seconds=1))
            session.get(Chat, -1).districts = None
            session.flush()
            assert chats.area_of(session, chat=session.get(Chat, -1)).is_rest
            assert chats.area_of(session, chat=session.get(Chat, -2)) == Area((), is_rest=False)

    def test_a_desk_that_was_left_reviews_nothing_until_it_is_back(self, database, midday):
        with database.transaction() as session:
            self.desk(session, -1, "a")
            self.desk(session, -2)
            chats.bot_standing(session, chat_id=-1, title="", status="left")
            assert self.owner(session, "a") == -2
            chats.bot_standing(session, chat_id=-1, title="", status="member")
            assert self.owner(session, "a") == -1

    def test_an_upgraded_desk_keeps_its_districts_and_topics(self, database, midday):
        with database.transaction() as session:
            desk, _ = self.desk(session, -1, "a")
            chats.set_topics(session, chat=desk, codes=["a"], topic=12)
            session.add(ChatBudget(chat_id=-1, spent=[1.0]))
            assert chats.migrate(session, old_id=-1, new_id=-1001)
            new = chats.desk_for(session, district="a")
            assert (new.id, new.topics, new.behind) == (-1001, {"a": 12}, True)
            assert session.get(ChatBudget, -1) is None

    def test_the_category_chooses_the_topic_before_the_district(self, database, scene, midday):
        with database.transaction() as session:
            report = scene.report(session, category="pothole")
            desk, _ = self.desk(session, -1)
            assert chats.topic_of(desk, report=report) is None
            for codes, topic in (((ANY,), 1), ((report.district,), 2), (("pothole",), 3)):
                chats.set_topics(session, chat=desk, codes=codes, topic=topic)
                assert chats.topic_of(desk, report=report) == topic
            chats.set_topics(session, chat=desk, codes=("pothole",), topic=None)
            assert chats.topic_of(desk, report=report) == 2


class TestStanding:
    def test_counts_the_desks_own(self, database, scene, policy, midday):
        with database.transaction() as session:
            calm = scene.report(session, category="other")
            clock.advance(timedelta(minutes=5))
            scene.report(session, category="manhole")
            scene.report(session, place=(25.138, 118.965))
            workflow.move(
                session,
                report=calm,
                transition="approved",
                actor=workflow.Actor.REVIEWER,
                actor_id=1,
                decided_at=clock.now(),
            )
            aside, same = (scene.report(session, category="other") for _ in range(2))
            for report, transition, changes in (
                (aside, "held", {}),
                (same, "merged", {"decided_at": clock.now(), "duplicate_of": calm.id}),
            ):
                workflow.move(
                    session,
                    report=report,
                    transition=transition,
                    actor=workflow.Actor.REVIEWER,
                    actor_id=1,
                    reason="why",
                    **changes,
                )
            here = Area(("shanyao",), is_rest=False)
            assert boards.standing(session, area=here, policy=policy) == Standing(
                waiting=1,
                dangers=1,
                oldest=clock.now(),
                approved=1,
                rejected=0,
                merged=1,
                held=1,
            )
            assert boards.standing(session, area=ALL, policy=policy).waiting == 2
        # Another day has other decisions.
        clock.advance(timedelta(hours=12))
        with database.transaction() as session:
            tomorrow = boards.standing(session, area=here, policy=policy)
            assert (tomorrow.waiting, tomorrow.approved) == (1, 0)
