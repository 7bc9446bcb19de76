"""What is to be sent: in order within a chat, never lost, cards never piled up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from models import Card, Item, Outgoing, Person, Photo, Shop, Voucher, clock
from models.cards import CardPurpose
from models.outgoing import Guarantee, OutgoingState
from models.rewards import VoucherState
from services import cards, chats, outbox, photos

RIDER, OTHER, GROUP = 5, 6, -100
# The numbers of two processes, and messages a second.
US, THEM = 11, 12
PACE = 25


def queue(session, text, chat_id=RIDER, **told):
    outbox.queue(session, chat_id=chat_id, method="sendMessage", payload={"text": text}, **told)


def take(database, *, holder=US, with_bulk=True, per_minute=18):
    with database.transaction() as session:
        return outbox.claim(
            session,
            holder=holder,
            bulk_per_second=PACE,
            group_per_minute=per_minute,
            with_bulk=with_bulk,
        )


def claim(database, *, holder=US):
    return take(database, holder=holder).sendings


def settle(database, *outcomes, holder=US):
    with database.transaction() as session:
        outbox.settle(session, holder=holder, outcomes=outcomes)


def drain(database):
    """What is sent in the end, in its order."""
    sent = []
    while sendings := claim(database):
        sent += texts(sendings)
        settle(database, *(outbox.Sent(sending.id) for sending in sendings))
    return sent


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


def test_one_message_of_a_chat_is_on_its_way_at_a_time(database, three):
    handed = claim(database)
    assert texts(handed) == ["one", "elsewhere"]
    assert [sending.tries for sending in handed] == [0, 0]
    assert claim(database) == claim(database, holder=THEM) == []

    settle(database, outbox.Sent(handed[0].id))
    assert texts(claim(database, holder=THEM)) == ["two"]


def test_what_arrived_is_gone(database, three):
    assert drain(database) == ["one", "elsewhere", "two"]
    assert rows(database) == []


def test_what_is_to_be_tried_later_holds_up_its_chat_and_no_other(database, three):
    one, _ = claim(database)
    later = clock.now() + timedelta(seconds=30)
    settle(database, outbox.Again(one.id, at=later, error="502"))

    assert claim(database) == []
    with database.transaction() as session:
        assert outbox.next_due(session) == later
        queue(session, "also elsewhere", chat_id=GROUP)
    assert texts(claim(database)) == ["also elsewhere"]

    clock.advance(timedelta(seconds=30))
    (again,) = claim(database)
    assert (again.payload["text"], again.tries) == ("one", 1)


def test_a_chat_asked_to_rest_rests_whole(database, three):
    one, elsewhere = claim(database)
    until = clock.now() + timedelta(seconds=7)
    settle(
        database,
        outbox.Pause(one.id, chat_id=RIDER, until=until),
        outbox.Sent(elsewhere.id),
    )

    with database.transaction() as session:
        queue(session, "three")
        queue(session, "elsewhere again", OTHER)
        assert outbox.next_due(session) == until
    assert texts(claim(database)) == ["elsewhere again"]

    clock.advance(timedelta(seconds=7))
    assert drain(database) == ["one", "two", "three"]


def test_a_later_pause_replaces_an_earlier_one(database, midday):
    with database.transaction() as session:
        queue(session, "one")
    for seconds in (7, 60):
        (sending,) = claim(database)
        until = clock.now() + timedelta(seconds=seconds)
        settle(database, outbox.Pause(sending.id, chat_id=RIDER, until=until))
        assert claim(database) == []
        clock.advance(timedelta(seconds=seconds))
    assert texts(claim(database)) == ["one"]


def test_what_can_never_arrive_is_kept_with_its_reason_and_holds_up_nothing(database, three):
    one, elsewhere = claim(database)
    settle(database, outbox.Dead(one.id, error="chat not found " * 50), outbox.Sent(elsewhere.id))

    dead = rows(database)[0]
    assert dead.state == OutgoingState.DEAD
    assert dead.error.startswith("chat not found")
    assert len(dead.error) == 255
    assert texts(claim(database)) == ["two"]


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
    (one,) = claim(database)
    settle(database, outbox.Moved(one.id, old_id=GROUP, new_id=-1001))

    (again,) = claim(database)
    assert (again.payload["text"], again.chat_id) == ("one", -1001)
    settle(database, outbox.Sent(again.id))
    assert [sending.chat_id for sending in claim(database)] == [-1001]


def test_what_the_dead_left_is_sent_again_if_it_must_arrive_and_not_if_only_once(database):
    with database.transaction() as session:
        queue(session, "decision")
        queue(session, "digest", OTHER, guarantee=Guarantee.AT_MOST_ONCE)
    claim(database, holder=THEM)
    with database.transaction() as session:
        queue(session, "not yet begun", GROUP, guarantee=Guarantee.AT_MOST_ONCE)
        queue(session, "the living hold this", 7)
    claim(database)

    with database.transaction() as session:
        assert outbox.holders(session) == {US, THEM}
        assert outbox.recover(session, gone={THEM}) == 2
        assert outbox.recover(session, gone={THEM}) == 0

    assert [(row.payload["text"], row.state) for row in rows(database)] == [
        ("decision", "queued"),
        ("digest", "dead"),
        ("not yet begun", "sending"),
        ("the living hold this", "sending"),
    ]
    assert texts(claim(database)) == ["decision"]


def test_what_the_version_before_left_half_sent_is_taken_up(database):
    """It knew no numbers of processes."""
    with database.transaction() as session:
        queue(session, "decision")
    claim(database)
    with database.transaction() as session:
        session.execute(update(Outgoing).values(holder=None, lane=None))
        assert outbox.holders(session) == {0}
        assert outbox.recover(session, gone={0}) == 1
    assert texts(claim(database)) == ["decision"]


def test_who_was_taken_for_dead_settles_nothing_of_what_others_took_up(database):
    with database.transaction() as session:
        queue(session, "decision")
    (sending,) = claim(database, holder=THEM)
    with database.transaction() as session:
        outbox.recover(session, gone={THEM})
    claim(database)

    for late in (outbox.Sent(sending.id), outbox.Again(sending.id, at=None)):
        settle(database, late, holder=THEM)
        (row,) = rows(database)
        assert (row.state, row.holder) == ("sending", US)


def test_the_database_refuses_a_second_message_on_its_way_to_a_chat(database):
    """Two processes may meet this where a message was numbered early and written late."""
    with database.transaction() as session:
        queue(session, "one")
    claim(database)
    with database.transaction() as session:
        queue(session, "two")
        with pytest.raises(IntegrityError):
            session.execute(update(Outgoing).values(lane=Outgoing.chat_id))
        session.rollback()


def test_nothing_due_without_a_moment(database, three):
    with database.transaction() as session:
        assert outbox.next_due(session) is None


def test_a_long_queue_of_one_chat_holds_up_no_other(database):
    with database.transaction() as session:
        for number in range(outbox.BATCH + 5):
            queue(session, str(number))
        queue(session, "elsewhere", chat_id=GROUP)
    claimed = take(database)
    assert texts(claimed.sendings) == ["0", "elsewhere"]
    assert not claimed.more


def test_a_full_batch_says_there_may_be_more(database):
    with database.transaction() as session:
        for number in range(outbox.BATCH + 1):
            queue(session, str(number), chat_id=number + 1)
    claimed = take(database)
    assert len(claimed.sendings) == outbox.BATCH
    assert claimed.more
    assert not take(database).more


class TestBulk:
    """What is one of many is paced, and goes after everything else."""

    @pytest.fixture(autouse=True)
    def digests(self, database, midday):
        with database.transaction() as session:
            for number in range(100):
                queue(session, "digest", chat_id=number + 1, bulk=True)

    def test_all_processes_together_keep_the_pace(self, database):
        sent = 0
        ten_seconds = 50
        for beat in range(ten_seconds):
            for holder in (US, THEM):
                sent += len(claim(database, holder=holder))
            if beat == 4:
                # Within the first second.
                assert sent <= PACE * 1.2
            clock.advance(timedelta(seconds=0.2))
        assert sent == 100

    def test_who_was_held_back_is_told_until_when(self, database):
        first = take(database)
        assert len(first.sendings) == 5
        assert first.bulk_at == clock.now() + timedelta(seconds=1 / PACE)
        assert take(database).sendings == []
        clock.advance(timedelta(seconds=1 / PACE))
        assert len(take(database).sendings) == 1

    def test_an_answer_goes_first_even_in_the_same_chat(self, database):
        with database.transaction() as session:
            queue(session, "answer", chat_id=1)
            queue(session, "another answer", chat_id=300)
        claimed = take(database).sendings
        assert texts(claimed)[:3] == ["answer", "another answer", "digest"]
        assert 1 not in [
            sending.chat_id for sending in claimed if sending.payload["text"] == "digest"
        ]

    def test_while_bulk_waits_it_is_not_even_looked_at(self, database):
        with database.transaction() as session:
            queue(session, "answer", chat_id=300)
        assert texts(take(database, with_bulk=False).sendings) == ["answer"]

    def test_what_stood_still_for_long_makes_up_for_nothing(self, database):
        take(database)
        clock.advance(timedelta(hours=1))
        assert len(take(database).sendings) == 5


def test_what_came_of_an_update_bears_its_name(database):
    with database.transaction() as session:
        session.info["origin"] = "update:7"
        queue(session, "answer")
    (sending,) = claim(database)
    assert sending.origin == "update:7"


def test_dead_letters_are_listed_sent_again_and_given_up(database, three):
    one, elsewhere = claim(database)
    settle(database, outbox.Dead(one.id, "chat not found"), outbox.Dead(elsewhere.id, "no rights"))
    with database.transaction() as session:
        listed = outbox.rows(session, state=OutgoingState.DEAD, limit=10)
        assert [(row.id, row.error, row.tries) for row in listed] == [
            (one.id, "chat not found", 1),
            (elsewhere.id, "no rights", 1),
        ]
        assert [row.id for row in outbox.rows(session, state=OutgoingState.DEAD, limit=1)] == [
            one.id
        ]
        # What is not dead is left alone.
        waiting = outbox.rows(session, state=OutgoingState.QUEUED, limit=10)
        assert outbox.drop(session, ids=[waiting[0].id]) == 0
        assert outbox.retry(session, ids=[one.id]) == 1
        assert outbox.drop(session, ids=None) == 1
    assert drain(database) == ["one", "two"]


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

    assert drain(database) == ["approved", "another message"]


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

    (album,) = claim(database)
    settle(database, outbox.Sent(album.id))
    (single,) = claim(database)
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


@pytest.fixture
def voucher_id(database, scene, midday):
    """A voucher that is shown nowhere yet."""
    with database.transaction() as session:
        rider = scene.person(session)
        now = clock.now()
        shop = Shop(code="tea", name_zh="茶馆", name_en="Tea house", created_at=now)
        session.add(shop)
        session.flush()
        titles = {"title_zh": "茶", "title_en": "Tea", "cost": 5}
        item = Item(code="tea", shop_id=shop.id, valid_days=9, created_at=now, **titles)
        session.add(item)
        session.flush()
        voucher = Voucher(
            person_id=rider.id,
            number=1,
            item_id=item.id,
            shop_id=shop.id,
            state=VoucherState.ISSUED,
            token_hash="t",
            code_hash="c",
            issued_at=now,
            expires_at=now + timedelta(days=9),
            **titles,
        )
        session.add(voucher)
        session.flush()
        return voucher.id


def show_voucher(database, voucher_id, **told):
    payload = {"text": "V1", "voucher": voucher_id} | told
    with database.transaction() as session:
        outbox.queue(session, chat_id=RIDER, method=outbox.VOUCHER, payload=payload)


def test_a_voucher_is_remembered_where_it_was_sent(database, voucher_id):
    show_voucher(database, voucher_id, qr="https://t.me/x?start=v_1")
    show_voucher(database, voucher_id)
    [first] = claim(database)
    assert (first.message_id, first.payload["qr"]) == (None, "https://t.me/x?start=v_1")
    settle(database, outbox.Sent(first.id, message_id=77, voucher_id=voucher_id))
    [second] = claim(database)
    assert second.message_id == 77
    settle(database, outbox.Sent(second.id))
    with database.transaction() as session:
        assert session.get(Voucher, voucher_id).message_id == 77
    # What they said went with them.
    assert rows(database) == []


def test_of_a_voucher_others_have_taken_up_nothing_is_lost(database, voucher_id):
    show_voucher(database, voucher_id, qr="https://t.me/x?start=v_1")
    [first] = claim(database)
    with database.transaction() as session:
        outbox.recover(session, gone={US})
    [again] = claim(database, holder=THEM)
    settle(database, outbox.Sent(again.id, message_id=78, voucher_id=voucher_id), holder=THEM)
    with database.transaction() as session:
        assert session.get(Voucher, voucher_id).message_id == 78
    assert first.id == again.id
    assert rows(database) == []
