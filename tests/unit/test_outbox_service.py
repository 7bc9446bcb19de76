"""What is to be sent: in order within a chat, never lost, cards never piled up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from models import Card, Outgoing, Person, Photo, clock
from models.cards import CardPurpose
from models.outgoing import Guarantee, OutgoingState
from services import cards, chats, outbox, photos

RIDER, OTHER, GROUP = 5, 6, -100


def queue(session, text, chat_id=RIDER, **told):
    outbox.queue(session, chat_id=chat_id, method="sendMessage", payload={"text": text}, **told)


def claim(database, busy=()):
    with database.transaction() as session:
        return outbox.claim(session, busy=busy)[0]


def settle(database, *outcomes):
    with database.transaction() as session:
        outbox.settle(session, outcomes=outcomes)


def texts(sendings):
    return [sending.payload["text"] for sending in sendings]


def rows(database):
    with database.transaction() as session:
        return session.scalars(select(Outgoing).order_by(Outgoing.id)).all()


@pytest.fixture
def three(database, midday):
    """Two messages to a rider with one to somebody else between them."""
    with database.transaction() as session:
        queue(session, "one")
        queue(session, "elsewhere", OTHER)
        queue(session, "two")


def test_what_was_rolled_back_is_never_sent(database):
    with database.transaction() as session:
        queue(session, "one")
        session.rollback()
    assert claim(database) == []


def test_messages_are_handed_out_in_their_order_and_once(database, three):
    handed = claim(database)
    assert texts(handed) == ["one", "elsewhere", "two"]
    assert [sending.tries for sending in handed] == [0, 0, 0]
    assert claim(database) == []


def test_a_chat_that_is_busy_waits(database, three):
    assert texts(claim(database, busy=[RIDER])) == ["elsewhere"]
    assert texts(claim(database)) == ["one", "two"]


def test_what_arrived_is_gone(database, three):
    settle(database, *(outbox.Sent(sending.id) for sending in claim(database)))
    assert rows(database) == []


def test_what_is_to_be_tried_later_holds_up_its_chat_and_no_other(database, three):
    one, _, two = claim(database)
    later = clock.now() + timedelta(seconds=30)
    settle(database, outbox.Again(two.id, at=None), outbox.Again(one.id, at=later, error="502"))

    assert claim(database) == []
    with database.transaction() as session:
        assert outbox.next_due(session) == later
        queue(session, "also elsewhere", OTHER)
    assert texts(claim(database)) == ["also elsewhere"]

    clock.advance(timedelta(seconds=30))
    again = claim(database)
    assert texts(again) == ["one", "two"]
    assert [sending.tries for sending in again] == [1, 1]


def test_a_chat_asked_to_rest_rests_whole(database, three):
    one, elsewhere, two = claim(database)
    until = clock.now() + timedelta(seconds=7)
    settle(
        database,
        outbox.Pause(one.id, chat_id=RIDER, until=until),
        outbox.Again(two.id, at=None),
        outbox.Sent(elsewhere.id),
    )

    with database.transaction() as session:
        queue(session, "three")
        queue(session, "elsewhere again", OTHER)
        assert outbox.next_due(session) == until
    assert texts(claim(database)) == ["elsewhere again"]

    clock.advance(timedelta(seconds=7))
    assert texts(claim(database)) == ["one", "two", "three"]


def test_a_later_pause_replaces_an_earlier_one(database, three):
    one, _, two = claim(database)
    for sending, seconds in ((one, 7), (two, 60)):
        until = clock.now() + timedelta(seconds=seconds)
        settle(database, outbox.Pause(sending.id, chat_id=RIDER, until=until))

    clock.advance(timedelta(seconds=8))
    assert claim(database) == []
    clock.advance(timedelta(seconds=60))
    assert texts(claim(database)) == ["one", "two"]


def test_what_can_never_arrive_is_kept_with_its_reason_and_holds_up_nothing(database, three):
    one, _, _ = claim(database)
    settle(database, outbox.Dead(one.id, error="chat not found " * 50))

    dead = rows(database)[0]
    assert dead.state == OutgoingState.DEAD
    assert dead.error.startswith("chat not found")
    assert len(dead.error) == 255
    assert claim(database) == []


def test_who_blocks_the_bot_is_noted_and_the_message_dropped(database, scene):
    with database.transaction() as session:
        person = scene.person(session)
        queue(session, "hello", person.id)
    (sending,) = claim(database)
    settle(database, outbox.Unreachable(sending.id, chat_id=person.id))

    with database.transaction() as session:
        assert session.get(Person, person.id).unreachable_since is not None
    assert rows(database) == []


def test_a_group_that_moved_gets_its_messages_under_the_new_id(database):
    with database.transaction() as session:
        chats.note(session, chat_id=GROUP, title="审核")
        queue(session, "one", GROUP)
        queue(session, "two", GROUP)
    one, two = claim(database)
    settle(
        database,
        outbox.Moved(one.id, old_id=GROUP, new_id=-1001),
        outbox.Moved(two.id, old_id=GROUP, new_id=-1001),
    )

    again = claim(database)
    assert texts(again) == ["one", "two"]
    assert {sending.chat_id for sending in again} == {-1001}


def test_after_a_kill_what_must_arrive_is_sent_again_and_what_may_only_once_is_not(database):
    with database.transaction() as session:
        queue(session, "decision")
        queue(session, "digest", guarantee=Guarantee.AT_MOST_ONCE)
    claim(database)
    with database.transaction() as session:
        queue(session, "not yet begun", guarantee=Guarantee.AT_MOST_ONCE)

    with database.transaction() as session:
        outbox.recover(session)

    assert [(row.payload["text"], row.state) for row in rows(database)] == [
        ("decision", "queued"),
        ("digest", "dead"),
        ("not yet begun", "queued"),
    ]
    assert texts(claim(database)) == ["decision", "not yet begun"]


def test_nothing_due_without_a_moment(database, three):
    with database.transaction() as session:
        assert outbox.next_due(session) is None


def test_a_long_queue_of_one_chat_holds_up_no_other(database):
    with database.transaction() as session:
        for number in range(outbox.BATCH + 5):
            queue(session, str(number))
        queue(session, "elsewhere", chat_id=GROUP)
    first = claim(database)
    assert texts(first) == [str(number) for number in range(outbox.PER_CHAT)]
    with database.transaction() as session:
        rows, more = outbox.claim(session, busy=[RIDER])
        assert [row.chat_id for row in rows] == [GROUP]
        assert not more


def test_a_full_batch_says_there_may_be_more(database):
    with database.transaction() as session:
        for number in range(outbox.BATCH):
            queue(session, str(number))
    with database.transaction() as session:
        rows, more = outbox.claim(session, busy=())
        assert len(rows) == outbox.PER_CHAT
        assert more


def test_what_waits_for_its_moment_holds_up_no_other(database):
    with database.transaction() as session:
        for number in range(outbox.BATCH + 50):
            queue(session, str(number))
    (first, *_) = claim(database)
    settle(database, outbox.Again(first.id, at=clock.now() + timedelta(minutes=5)))
    with database.transaction() as session:
        outbox.recover(session)
        session.get(Outgoing, first.id).not_before = clock.now() + timedelta(minutes=5)
        queue(session, "elsewhere", chat_id=GROUP)
    assert texts(claim(database)) == ["elsewhere"]


def test_two_senders_at_once_never_take_the_same_row(database):
    with database.transaction() as session:
        for number in range(40):
            queue(session, str(number), chat_id=number + 1)
    together = Barrier(2)

    def take(_):
        together.wait(30)
        return [sending.id for sending in claim(database)]

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(take, range(2))
    assert len(one) + len(other) == len(set(one) | set(other)) == 40


@pytest.fixture
def card(database, scene):
    with database.transaction() as session:
        report = scene.report(session)
        made, is_new = cards.find_or_make(
            session, report_id=report.id, chat_id=GROUP, purpose=CardPurpose.REVIEW
        )
        assert is_new
        return made


def show(database, card, text, **more):
    with database.transaction() as session:
        outbox.queue(
            session,
            chat_id=GROUP,
            method=outbox.SHOW,
            payload={"text": text, **more},
            card=session.get(Card, card.id),
        )


def test_a_card_that_changes_while_it_waits_is_shown_once_as_it_is_now(database, card):
    show(database, card, "undecided")
    with database.transaction() as session:
        queue(session, "another message", GROUP)
    show(database, card, "approved")

    assert texts(claim(database)) == ["approved", "another message"]


def test_a_card_that_changes_while_it_is_sent_is_shown_again(database, card):
    show(database, card, "undecided")
    (first,) = claim(database)
    show(database, card, "approved")
    settle(database, outbox.Sent(first.id, message_id=77, has_photo=True))

    (second,) = claim(database)
    assert second.payload == {"text": "approved"}
    assert (second.message_id, second.has_photo) == (77, True)


def test_where_a_card_stands_is_remembered(database, card):
    show(database, card, "undecided")
    (sending,) = claim(database)
    assert (sending.message_id, sending.has_photo) == (None, False)
    settle(database, outbox.Sent(sending.id, message_id=77, has_photo=True))

    with database.transaction() as session:
        shown = session.get(Card, card.id)
        assert (shown.message_id, shown.has_photo) == (77, True)


def test_an_answer_without_a_message_forgets_nothing(database, card):
    with database.transaction() as session:
        session.get(Card, card.id).message_id = 77
    show(database, card, "approved")
    (sending,) = claim(database)
    settle(database, outbox.Sent(sending.id))

    with database.transaction() as session:
        assert session.get(Card, card.id).message_id == 77


def found(number):
    return photos.Found(
        sha256=f"{number:064x}",
        dhash=number,
        width=100,
        height=100,
        size=1000,
        taken_at=None,
        place=None,
        exif_fault=None,
    )


def test_pictures_come_by_id_or_by_bytes_and_never_when_refused(database, scene):
    with database.transaction() as session:
        quick = photos.note(session, owner_id=RIDER, sent=scene.photo())
        waiting = photos.note(session, owner_id=RIDER, sent=scene.photo(as_file=True))
        fetched = photos.note(session, owner_id=RIDER, sent=scene.photo(as_file=True))
        photos.stored(session, photo=fetched, found=found(7))
        refused = photos.note(session, owner_id=RIDER, sent=scene.photo())
        photos.refuse(session, photo=refused, why=photos.Refused.BROKEN)
        ids = [fetched.id, waiting.id, refused.id, 999, quick.id]
        outbox.queue(
            session, chat_id=GROUP, method=outbox.SAY, payload={"text": "", "photo_ids": ids}
        )
        outbox.queue(
            session, chat_id=GROUP, method=outbox.SAY, payload={"text": "", "photo_id": quick.id}
        )

    album, single = claim(database)
    by_bytes = outbox.Picture(fetched.id, None, f"{7:064x}")
    by_id = outbox.Picture(quick.id, quick.file_id, None)
    assert album.pictures == (by_bytes, by_id)
    assert single.pictures == (by_id,)


def test_an_uploaded_copy_is_not_uploaded_again(database, scene):
    with database.transaction() as session:
        photo = photos.note(session, owner_id=RIDER, sent=scene.photo(as_file=True))
        photos.stored(session, photo=photo, found=found(7))
        queue(session, "here")
    (sending,) = claim(database)
    settle(database, outbox.Sent(sending.id, uploaded=((photo.id, "preview-1"),)))

    with database.transaction() as session:
        assert session.get(Photo, photo.id).sendable_id == "preview-1"
