"""Chats: what each is for, who may decide in it, and what an upgrade to a supergroup moves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text

from models import Card, Chat, ChatPause, Membership, clock
from models.cards import CardPurpose
from models.outgoing import OutgoingState
from services import cards, chats, conversations, outbox
from services.refusals import NotForYou, StandingInDoubt

GROUP, SUPERGROUP = -100, -1001000000000
ALL = chats.Area((), is_rest=True)


def require(session, *, chat_id, person_id):
    return chats.require_reviewer(session, chat_id=chat_id, person_id=person_id, district="shanyao")


def register(session, chat_id=GROUP, **told):
    values = {"title": "审核", "purpose": "moderators", "name": None, "language": "zh_Hans"}
    return chats.register(session, chat_id=chat_id, **(values | told))


def test_a_chat_is_noted_once_and_its_title_followed(database, midday):
    with database.transaction() as session:
        assert chats.note(session, chat_id=GROUP, title="旧名").created_at == midday
        assert chats.note(session, chat_id=GROUP, title="新名").title == "新名"
        assert chats.note(session, chat_id=GROUP, title="").title == "新名"
        assert chats.note(session, chat_id=GROUP, title="长" * 300).title == "长" * 255


def test_two_processes_may_hear_of_a_chat_at_the_same_moment(database):
    def title_of_the_second():
        with database.transaction() as session:
            return chats.note(session, chat_id=GROUP, title="").title

    with ThreadPoolExecutor(1) as other, database.transaction() as session:
        chats.note(session, chat_id=GROUP, title="审核")
        second = other.submit(title_of_the_second)
        if not database.is_sqlite:
            # It has looked, found nothing and waits for what becomes of ours.
            while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                continue
        session.commit()
        assert second.result(30) == "审核"


def test_a_registered_chat_is_found_by_its_purpose(database):
    with database.transaction() as session:
        assert chats.moderators(session) == []
        register(session)
        register(session, chat_id=-200, purpose="team", name="roads")
        assert [chat.id for chat in chats.moderators(session)] == [GROUP]
        assert chats.find(session, chat_id=-200).name == "roads"
        assert chats.find(session, chat_id=-300) is None


def test_registering_again_keeps_the_language_that_was_chosen(database):
    with database.transaction() as session:
        register(session).language = "en"
        assert register(session, language="zh_Hans").language == "en"


def test_members_of_the_moderator_chat_may_decide(database):
    with database.transaction() as session:
        register(session)
        chats.member(session, chat_id=GROUP, person_id=5, status="member", name="林")
        assert require(session, chat_id=GROUP, person_id=5).id == GROUP
        # In private, too, for the desk the report belongs to.
        assert require(session, chat_id=5, person_id=5).id == GROUP


@pytest.mark.parametrize("chat_id", [GROUP, 6])
def test_whoever_was_never_told_of_has_to_be_asked_after(database, chat_id):
    with database.transaction() as session:
        register(session)
        with pytest.raises(StandingInDoubt) as doubt:
            require(session, chat_id=chat_id, person_id=6)
        assert doubt.value.chat_id == GROUP


@pytest.mark.parametrize("status", ["left", "kicked"])
def test_who_left_may_not_decide_until_they_are_back(database, status):
    with database.transaction() as session:
        register(session)
        chats.member(session, chat_id=GROUP, person_id=5, status=status, name="林")
        with pytest.raises(NotForYou):
            require(session, chat_id=GROUP, person_id=5)
    with database.transaction() as session:
        chats.member(session, chat_id=GROUP, person_id=5, status="member", name="林")
        require(session, chat_id=GROUP, person_id=5)


def test_who_left_a_while_ago_is_asked_after_again(database, midday):
    with database.transaction() as session:
        register(session)
        chats.member(session, chat_id=GROUP, person_id=5, status="left", name="林")
    clock.advance(chats.OUT_FOR)
    with database.transaction() as session, pytest.raises(StandingInDoubt):
        require(session, chat_id=GROUP, person_id=5)


@pytest.mark.parametrize("status", [None, "member", "restricted"])
def test_what_is_known_grows_old_where_nobody_tells_who_leaves(database, midday, status):
    with database.transaction() as session:
        register(session).bot_status = status
        chats.member(session, chat_id=GROUP, person_id=5, status="member", name="林")
    clock.advance(chats.KNOWN_FOR)
    with database.transaction() as session:
        require(session, chat_id=GROUP, person_id=5)
    clock.advance(timedelta(seconds=1))
    with database.transaction() as session, pytest.raises(StandingInDoubt):
        require(session, chat_id=GROUP, person_id=5)


def test_what_is_known_holds_for_a_day_even_where_the_bot_is_told_who_leaves(database, midday):
    with database.transaction() as session:
        register(session).bot_status = "administrator"
        chats.member(session, chat_id=GROUP, person_id=5, status="member", name="林")
    clock.advance(chats.KNOWN_FOR)
    with database.transaction() as session:
        assert require(session, chat_id=GROUP, person_id=5).id == GROUP
    # It may have been off for longer than Telegram keeps such news.
    clock.advance(timedelta(seconds=1))
    with database.transaction() as session, pytest.raises(StandingInDoubt):
        require(session, chat_id=GROUP, person_id=5)


def test_a_desk_the_bot_was_taken_out_of_has_no_reviewers(database):
    with database.transaction() as session:
        register(session)
        chats.member(session, chat_id=GROUP, person_id=5, status="creator", name="林")
        chats.bot_standing(session, chat_id=GROUP, title="", status="kicked")
        with pytest.raises(NotForYou):
            require(session, chat_id=GROUP, person_id=5)


@pytest.mark.parametrize("chat_id", [-200, -300, 5])
def test_nobody_decides_in_any_other_chat(database, chat_id):
    with database.transaction() as session:
        register(session, chat_id=-200, purpose="team")
        chats.member(session, chat_id=-200, person_id=5, status="creator", name="林")
        with pytest.raises(NotForYou):
            require(session, chat_id=chat_id, person_id=5)


def test_only_who_is_in_a_desk_counts_as_its_reviewer(database):
    with database.transaction() as session:
        register(session)
        assert chats.reviewers(session, chat_id=GROUP) == 0
        for person_id, status in enumerate(
            ["creator", "administrator", "member", "restricted", "left", "kicked"]
        ):
            chats.member(
                session, chat_id=GROUP, person_id=person_id, status=status, name=f"n{person_id}"
            )
        chats.member(session, chat_id=-200, person_id=9, status="member", name="")
        assert chats.reviewers(session, chat_id=GROUP) == 4
        assert chats.names(session, chat_id=GROUP, person_ids=[0, 4, 9]) == {0: "n0", 4: "n4"}


@pytest.mark.parametrize(
    ("status", "is_member", "place"),
    [
        ("restricted", True, "restricted"),
        ("restricted", False, "left"),
        ("member", True, "member"),
        ("kicked", True, "kicked"),
    ],
)
def test_who_is_restricted_may_be_out(status, is_member, place):
    assert chats.place(status, is_member=is_member) == place


def test_the_bots_own_standing_is_noted(database):
    with database.transaction() as session:
        chats.bot_standing(
            session,
            chat_id=GROUP,
            title="审核",
            status="administrator",
        )
    with database.transaction() as session:
        chat = session.get(Chat, GROUP)
        assert chat.bot_status == "administrator"
        assert chat.purpose is None


def test_an_upgraded_group_takes_everything_with_it(database, scene):
    with database.transaction() as session:
        register(session)
        long_ago = clock.now() - timedelta(hours=20)
        chats.member(session, chat_id=GROUP, person_id=5, status="left", name="林")
        chats.member(
            session, chat_id=GROUP, person_id=6, status="member", name="陈", seen_at=long_ago
        )
        report = scene.report(session)
        card, _ = cards.find_or_make(
            session, report_id=report.id, chat_id=GROUP, purpose=CardPurpose.REVIEW
        )
        card.message_id = 77
        outbox.queue(session, chat_id=GROUP, method="sendMessage", payload={})
        session.add(ChatPause(chat_id=GROUP, until=clock.now() + timedelta(hours=1)))

    with database.transaction() as session:
        assert chats.migrate(session, old_id=GROUP, new_id=SUPERGROUP)

    with database.transaction() as session:
        assert [chat.id for chat in chats.moderators(session)] == [SUPERGROUP]
        assert chats.current(session, chat_id=GROUP).id == SUPERGROUP
        assert session.get(Chat, SUPERGROUP).title == "审核"
        moved = session.get(Card, card.id)
        assert (moved.chat_id, moved.message_id) == (SUPERGROUP, None)
        found = cards.undealt(session, chat_id=SUPERGROUP, area=ALL, limit=10)
        assert [row.id for row in found] == [report.id]
        (row,) = outbox.rows(session, state=OutgoingState.QUEUED, limit=10)
        assert row.chat_id == SUPERGROUP
        with pytest.raises(NotForYou):
            require(session, chat_id=GROUP, person_id=5)
        assert require(session, chat_id=GROUP, person_id=6).id == SUPERGROUP
        # It is as old as it was.
        assert session.get(Membership, (SUPERGROUP, 6)).seen_at == long_ago


def test_a_second_telling_of_an_upgrade_is_harmless(database):
    with database.transaction() as session:
        register(session)
        assert chats.migrate(session, old_id=GROUP, new_id=SUPERGROUP)
        assert not chats.migrate(session, old_id=GROUP, new_id=SUPERGROUP)
        assert [chat.id for chat in chats.moderators(session)] == [SUPERGROUP]


def test_registering_an_old_id_finds_todays_chat(database):
    with database.transaction() as session:
        register(session)
        chats.migrate(session, old_id=GROUP, new_id=SUPERGROUP)
        assert register(session).id == SUPERGROUP


def test_an_upgrade_of_a_group_nobody_told_us_of(database):
    with database.transaction() as session:
        assert chats.migrate(session, old_id=GROUP, new_id=SUPERGROUP)
        assert chats.current(session, chat_id=GROUP).purpose is None


@pytest.mark.parametrize(
    "told",
    [
        [(GROUP, GROUP)],
        [(GROUP, SUPERGROUP), (SUPERGROUP, GROUP)],
        [(GROUP, SUPERGROUP), (SUPERGROUP, -300), (-300, GROUP)],
    ],
)
def test_the_way_to_todays_chat_never_leads_in_a_circle(database, told):
    with database.transaction() as session:
        register(session)
        for old_id, new_id in told:
            chats.migrate(session, old_id=old_id, new_id=new_id)
        last = told[-1][1]
        assert {chats.current(session, chat_id=number).id for pair in told for number in pair} == {
            last
        }
        assert [chat.id for chat in chats.moderators(session)] == [last]


def test_nobodys_private_chat_becomes_a_group(database):
    with database.transaction() as session:
        outbox.queue(session, chat_id=5, method="sendMessage", payload={})
        assert not chats.migrate(session, old_id=5, new_id=SUPERGROUP)
        assert not chats.migrate(session, old_id=SUPERGROUP, new_id=5)
        (row,) = outbox.rows(session, state=OutgoingState.QUEUED, limit=10)
        assert row.chat_id == 5


def test_two_may_hear_of_a_chat_at_the_same_moment(database):
    # A sooner or later than B: whoever is later waits for the other, and finds the row.
    together = Barrier(2)

    def hear(title):
        together.wait()
        return database.run_here(lambda session: chats.note(session, chat_id=GROUP, title=title).id)

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(hear, ("审核", "审核"))) == [GROUP, GROUP]
        database.run_here(lambda session: session.delete(session.get_one(Chat, GROUP)))


def test_a_member_is_one_row_however_often_told(database):
    with database.transaction() as session:
        for status in ("member", "administrator"):
            chats.member(session, chat_id=GROUP, person_id=5, status=status, name="林" * 200)
    with database.transaction() as session:
        row = session.get(Membership, (GROUP, 5))
        assert (row.status, row.name) == ("administrator", "林" * 128)


def test_each_report_has_one_card_in_a_chat(database, scene):
    with database.transaction() as session:
        report, other = scene.report(session), scene.report(session)
        assert (
            cards.find(session, report_id=report.id, chat_id=GROUP, purpose=CardPurpose.REVIEW)
            is None
        )
        made = [
            cards.find_or_make(session, report_id=report.id, chat_id=chat, purpose=purpose)[0].id
            for chat in (GROUP, GROUP, -200)
            for purpose in CardPurpose
        ]
        assert len(set(made)) == 4
        of_it = cards.of_report(session, report_id=report.id, purpose=CardPurpose.REVIEW)
        assert [card.chat_id for card in of_it] == [GROUP, -200]
        assert cards.of_report(session, report_id=other.id, purpose=CardPurpose.REVIEW) == []


def test_undealt_reports_come_dangers_first_then_the_oldest(database, scene):
    with database.transaction() as session:
        calm = scene.report(session, category="other")
        danger = scene.report(session, category="manhole")
        second = scene.report(session, category="manhole")
        dealt = scene.report(session, category="manhole")
        card, _ = cards.find_or_make(
            session, report_id=dealt.id, chat_id=GROUP, purpose=CardPurpose.REVIEW
        )
        card.message_id = 7
        # A card whose message nobody has, nor will have, is as good as none.
        lost, _ = cards.find_or_make(
            session, report_id=second.id, chat_id=GROUP, purpose=CardPurpose.REVIEW
        )
        session.flush()
        assert cards.is_lost(session, card=lost)
        found = cards.undealt(session, chat_id=GROUP, area=ALL, limit=10)
        assert [report.id for report in found] == [danger.id, second.id, calm.id]
        assert len(cards.undealt(session, chat_id=GROUP, area=ALL, limit=2)) == 2
        assert len(cards.undealt(session, chat_id=-200, area=ALL, limit=10)) == 4
        elsewhere = chats.Area(("fengwei",), is_rest=False)
        assert cards.undealt(session, chat_id=-200, area=elsewhere, limit=10) == []
        all_else = chats.Area(("shanyao",), is_rest=True)
        assert cards.undealt(session, chat_id=-200, area=all_else, limit=10) == []


KEY = (GROUP, 5)


def test_a_conversation_is_begun_moved_on_and_ended(database, midday):
    with database.transaction() as session:
        assert conversations.states(session, key=KEY).get("note") is None
        conversations.set_state(session, name="note", key=KEY, state="waiting")
        conversations.set_subject(session, name="note", key=KEY, subject_id=1042)
    with database.transaction() as session:
        assert conversations.states(session, key=KEY).get("note") == "waiting"
        conversations.set_state(session, name="note", key=KEY, state="sure?")
        assert conversations.subject(session, name="note", key=KEY) == 1042
    with database.transaction() as session:
        assert conversations.states(session, key=KEY).get("note") == "sure?"
        conversations.set_state(session, name="note", key=KEY, state=None)
    with database.transaction() as session:
        assert conversations.states(session, key=KEY).get("note") is None
        assert conversations.subject(session, name="note", key=KEY) is None


def test_a_conversation_ended_and_begun_again_has_no_old_subject(database):
    with database.transaction() as session:
        conversations.set_state(session, name="note", key=KEY, state="waiting")
        conversations.set_subject(session, name="note", key=KEY, subject_id=1042)
        conversations.set_state(session, name="note", key=KEY, state=None)
        conversations.set_state(session, name="note", key=KEY, state="waiting")
        assert conversations.subject(session, name="note", key=KEY) is None


@pytest.mark.parametrize("other", [("photo", KEY), ("note", (GROUP, 6)), ("note", (-200, 5))])
def test_conversations_know_nothing_of_each_other(database, other):
    name, key = other
    with database.transaction() as session:
        conversations.set_state(session, name="note", key=KEY, state="waiting")
        assert conversations.states(session, key=key).get(name) is None
        conversations.set_subject(session, name=name, key=key, subject_id=1)
        conversations.forget(session, name=name, key=key)
        assert conversations.states(session, key=KEY).get("note") == "waiting"
