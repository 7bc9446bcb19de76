"""Whole journeys of several riders and reviewers, and the ways their updates may arrive.

Everybody acts by what they see and by a seed of their own, never by what the others do at the same
moment: so the same people on the same day do the same things however their updates are delivered,
and what becomes of it can be compared. Numbers of reports and messages may differ, nothing else.
"""

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.intake import DatabaseAway, Intake, Outcome
from handlers import callbacks
from localchat.errors import PeopleError
from localchat.updates import queue_of
from models import (
    Account,
    Card,
    Conversation,
    Draft,
    DraftPhoto,
    FailedUpdate,
    Joiner,
    LedgerEntry,
    LedgerTransaction,
    Outgoing,
    Person,
    Photo,
    Report,
    ReportEvent,
    ReportPhoto,
    clock,
)
from models.ledger import AccountKind
from services import people
from services.ledger import APPROVAL, JOINER
from tests.conversations.people import CHEN, DESK, LIN
from tests.conversations.scene import HERE, Scene, buttons_of, text_of
from tests.pictures import jpeg

Json = dict[str, Any]
Updates = list[Json]
Deliver = Callable[[Scene, Updates], Awaitable[None]]
Spot = int
# What a step reads or changes: of one round no two steps may have any of it in common.
Touches = set[Any]
# Asked before each step: what it would touch; None: not now.
Wish = Callable[[], Touches | None]

FIRST_RIDER = 6001
REVIEWERS = (LIN, CHEN)
# What reviewers do with a card here: decide, or look at the reasons.
DECIDING = [["v", verb] for verb in ("a1", "a2", "a3", "x", "r")]
ROUNDS = 400
# Spots lie two hundred metres apart, seven times as far as what counts as the same place.
APART, SPOTS = 0.002, 16


def place_of(spot: Spot) -> tuple[float, float]:
    """Where a spot lies."""
    return HERE[0] + APART * (spot % 4), HERE[1] + APART * (spot // 4)


class Day:
    """A seeded day: who goes where, and what they do there."""

    def __init__(self, scene: Scene, seed: int, *, riders: int, orderly: bool = True) -> None:
        """Bring everybody into the world.

        Args:
            scene: a new one.
            seed: of everybody's doings.
            riders: how many.
            orderly: nobody does anything that could come out otherwise, were it a moment later.
        """
        self.scene = scene
        self.orderly = orderly
        self.riders = range(FIRST_RIDER, FIRST_RIDER + riders)
        self._seed = seed
        self._chance = random.Random(f"{seed}:day")
        self.goals = {rider: self._goals() for rider in self.riders}
        meet_riders(scene, self.riders)
        self._actors = {
            **{rider: self._rider(rider) for rider in self.riders},
            **{reviewer: self._reviewer(reviewer) for reviewer in REVIEWERS},
        }
        self._wishes: dict[int, Wish] = {who: next(actor) for who, actor in self._actors.items()}

    def _goals(self) -> list[Spot]:
        # Few spots for many riders: they meet.
        spots = min(max(3, len(self.riders)), SPOTS)
        return self._chance.sample(range(spots), self._chance.randint(1, 3))

    async def live(self, deliver: Deliver) -> None:
        """Go through the day, the updates of each round being delivered one way."""
        for _ in range(ROUNDS):
            if not self._round():
                return
            await deliver(self.scene, fetch(self.scene))
            await come_to_rest(self.scene)
            clock.advance(timedelta(minutes=1))
        raise AssertionError("the day never ends")

    def _round(self) -> bool:
        """Let some act; False when nobody wants anything any more."""
        taken: Touches = set()
        open_wishes = False
        order = sorted(self._wishes)
        self._chance.shuffle(order)
        for who in order:
            wanted = self._wishes[who]()
            if wanted is None:
                continue
            open_wishes = True
            if (self.orderly and wanted & taken) or self._chance.random() < 0.3:
                continue
            taken |= wanted
            try:
                self._wishes[who] = next(self._actors[who])
            except StopIteration:
                del self._wishes[who]
            except PeopleError:
                # What they meant to press is gone; only where everybody acts at once.
                assert not self.orderly
                del self._wishes[who]
        return open_wishes

    # --- riders ---

    def _touched(self, spot: Spot) -> Touches:
        return {("spot", spot), *(rider for rider in self.riders if spot in self.goals[rider])}

    def _rider(self, rider: int) -> Iterator[Wish]:
        chance = random.Random(f"{self._seed}:{rider}")
        for spot in self.goals[rider]:
            touched = self._touched(spot)

            def wish(touched: Touches = touched) -> Touches:
                return touched

            yield from self._report(rider, spot, chance, wish)
            yield from self._after(rider, chance, wish)

    def _report(self, rider: int, spot: Spot, chance: random.Random, wish: Wish) -> Iterator[Wish]:
        world = self.scene.world
        gives = [self._photos, self._place]
        if chance.random() < 0.4:
            gives.append(self._words)
        chance.shuffle(gives)
        together = chance.random() < 0.5
        for give in gives:
            yield wish
            give(rider, spot, chance)
            if together:
                for other in gives[1:]:
                    other(rider, spot, chance)
                break
        while True:
            yield wish
            question = self.scene.last(rider)
            verbs = {callbacks.parse(data).verb: data for data, _ in buttons_of(question)}  # type: ignore[union-attr]
            offered = [data for data, _ in buttons_of(question) if data.startswith("d:cat")]
            if "same" in verbs:
                data = verbs[chance.choice(("same", "diff"))]
            elif "yes" in verbs:
                data = verbs["yes"]
            elif offered:
                # The same kind of thing is broken at the same spot, mostly.
                data = offered[0] if chance.random() < 0.7 else chance.choice(offered)
            else:
                return
            world.press(rider, rider, question["message_id"], data)
            if not self.orderly and chance.random() < 0.4:
                chance.choice((self._words, self._photos, self._place))(rider, spot, chance)

    def _photos(self, rider: int, spot: Spot, chance: random.Random) -> None:
        seeds = [chance.randrange(1000) for _ in range(chance.choice((1, 1, 2, 4)))]
        self.scene.world.send_photos(rider, rider, [jpeg(seed, (64, 48)) for seed in seeds])

    def _place(self, rider: int, spot: Spot, chance: random.Random) -> None:
        accuracy = chance.choice((8, 12, 400))
        self.scene.world.send_location(rider, rider, *place_of(spot), accuracy=accuracy)

    def _words(self, rider: int, spot: Spot, chance: random.Random) -> None:
        self.scene.world.say(rider, rider, f"note {chance.randrange(1000)}")

    def _after(self, rider: int, chance: random.Random, wish: Wish) -> Iterator[Wish]:
        """What a rider may do with a report that is not decided yet."""
        for _ in range(chance.choice((0, 1, 2))):
            verb = chance.choice(("note", "photo", "undo", "list"))
            yield wish
            if verb == "list":
                self.scene.world.say(rider, rider, chance.choice(("/myreports", "/points")))
                continue
            if not self._press_receipt(rider, verb):
                continue
            if verb == "undo":
                return
            if self.orderly:
                yield wish
            if verb == "note":
                self._words(rider, 0, chance)
            else:
                self._photos(rider, 0, chance)
                yield wish
                self._press_receipt(rider, "done")

    def _press_receipt(self, rider: int, verb: str) -> bool:
        for message in reversed(self.scene.from_bot(rider)):
            for data, _ in buttons_of(message):
                if data.startswith(f"{callbacks.RECEIPT}:{verb}:"):
                    self.scene.world.press(rider, rider, message["message_id"], data)
                    return True
        return False

    # --- reviewers ---

    def _reviewer(self, reviewer: int) -> Iterator[Wish]:
        chance = random.Random(f"{self._seed}:{reviewer}")
        chosen: list[tuple[Json, str]] = []

        def wish() -> Touches | None:
            chosen.clear()
            waiting = self._waiting()
            if not waiting:
                return None
            report, message = chance.choice(waiting)
            data = _decisions(message)
            reasons = [one for one in data if one.startswith("v:r:")]
            chosen.append((message, chance.choice(reasons or data)))
            places = {place_of(spot): spot for spot in range(SPOTS)}
            return self._touched(places[report.latitude, report.longitude])

        while True:
            yield wish
            for message, data in chosen:
                self.scene.world.press(reviewer, DESK, message["message_id"], data)

    def _waiting(self) -> list[tuple[Report, Json]]:
        # In an order that does not depend on the reports' numbers.
        reports = {report.id: report for report in self.scene.rows(Report)}
        found = []
        for message in self.scene.from_bot(DESK):
            data = _decisions(message)
            if data:
                press = callbacks.parse(data[0])
                assert press is not None
                found.append((reports[press.subject], message))
        return sorted(found, key=lambda one: (one[0].reporter_id, one[0].id))


def _decisions(message: Json) -> list[str]:
    """The buttons of a card that decide, or lead there."""
    data = [data for data, _ in buttons_of(message)]
    return [one for one in data if one.split(":")[:2] in DECIDING]


def meet_riders(scene: Scene, riders: Iterable[int], *, known: bool = True) -> None:
    """Let riders into the world, and to the bot if it knows them already."""
    for rider in riders:
        user = {"id": rider, "first_name": f"Rider {rider}", "language_code": "en"}
        scene.world.add_person(user, started=True)
        if known:
            scene.database.run_here(partial(_meet, scene=scene, rider=rider))


def _meet(session: Session, scene: Scene, rider: int) -> None:
    person = people.meet(session, person_id=rider, language_code="en", policy=scene.house.policy)
    # Pseudonyms are drawn by lot; here everybody keeps theirs.
    person.bird, person.bird_number = rider % people.BIRDS, rider


def fetch(scene: Scene) -> Updates:
    """What waits for the bot; nobody else will get it."""
    updates = scene.pending()
    if updates:
        scene.call("getUpdates", offset=updates[-1]["update_id"] + 1, limit=1, timeout=0)
    return updates


async def come_to_rest(scene: Scene) -> None:
    """Send all there is to send, and find out what there is to find out."""
    await scene.send()
    while await scene.run_errands():
        await scene.send()


# --- ways to deliver ---


async def in_order(scene: Scene, updates: Updates) -> None:
    """As they happened, one after the other."""
    for update in updates:
        assert await scene.intake.apply(update) is Outcome.APPLIED, update


def twice() -> Deliver:
    """Each update twice, once more when all have come, and all of the past now and then."""
    past: Updates = []

    async def deliver(scene: Scene, updates: Updates) -> None:
        past.extend(updates)
        for update in updates:
            assert await scene.intake.apply(update) is Outcome.APPLIED, update
            assert await scene.intake.apply(update) is Outcome.DUPLICATE, update
        for update in past[-100:] if len(past) % 7 == 0 else updates:
            assert await scene.intake.apply(update) is Outcome.DUPLICATE, update

    return deliver


def swapped(seed: int) -> Deliver:
    """Neighbours of different queues change places, again and again; each queue keeps its order."""
    chance = random.Random(seed)

    async def deliver(scene: Scene, updates: Updates) -> None:
        for _ in range(2 * len(updates)):
            if len(updates) < 2:
                break
            at = chance.randrange(len(updates) - 1)
            one, other = updates[at : at + 2]
            if _queue(one) != _queue(other):
                updates[at : at + 2] = other, one
        await in_order(scene, updates)

    return deliver


def side_by_side(intakes: Sequence[Intake], seed: int) -> Deliver:
    """Each queue by itself, all at once, through any of several intakes, and some updates twice."""
    chance = random.Random(seed)

    async def apply(update: Json) -> None:
        copies = [chance.choice(intakes) for _ in range(chance.choice((1, 1, 1, 2)))]
        outcomes = await asyncio.gather(*(_until_settled(intake, update) for intake in copies))
        assert Counter(outcomes) == Counter([Outcome.APPLIED, Outcome.DUPLICATE][: len(copies)])

    async def in_turn(queue: Updates) -> None:
        for update in queue:
            await apply(update)

    async def deliver(scene: Scene, updates: Updates) -> None:
        async with asyncio.TaskGroup() as tasks:
            for queue in by_queue(updates):
                tasks.create_task(in_turn(queue))

    return deliver


async def _until_settled(intake: Intake, update: Json) -> Outcome:
    # As the front doors do: what the database refused for a moment is tried again.
    for _ in range(20):
        try:
            outcome = await intake.apply(update)
        except DatabaseAway:
            continue
        if outcome.settled:
            return outcome
    raise AssertionError(f"never settled: {update}")


def by_queue(updates: Updates) -> list[Updates]:
    """Updates as Telegram delivers them: those of a queue one after the other."""
    queues: defaultdict[Any, Updates] = defaultdict(list)
    for update in updates:
        queues[_queue(update)].append(update)
    return list(queues.values())


def _queue(update: Json) -> Any:
    [kind] = update.keys() - {"update_id"}
    return queue_of(kind, update[kind])


# --- what became of the day ---


def outcome_of(scene: Scene) -> Mapping[str, Any]:
    """All that must be the same: what is in the rows and what each chat shows, without numbers."""
    found: dict[str, Any] = scene.database.run_here(_rows)
    labels = found.pop("labels")
    riders = [person.id for person in scene.rows(Person) if person.id >= FIRST_RIDER]
    found["chats"] = {
        rider: [_shown(message, labels) for message in scene.from_bot(rider)] for rider in riders
    }
    found["desk"] = sorted(_shown(message, labels) for message in scene.from_bot(DESK))
    found["toasts"] = sorted(scene.toasts())
    return found


def _rows(session: Any) -> dict[str, Any]:
    reports = session.scalars(select(Report).order_by(Report.reporter_id, Report.id)).all()
    numbers: Counter[int] = Counter()
    labels: dict[int, str] = {}
    for report in reports:
        numbers[report.reporter_id] += 1
        labels[report.id] = f"{report.reporter_id}.{numbers[report.reporter_id]}"

    def rows(statement: Any) -> list[Any]:
        return [tuple(row) for row in session.execute(statement)]

    balances: Counter[int] = Counter()
    for owner, points in rows(
        select(Account.owner_id, LedgerEntry.points).join(
            Account, Account.id == LedgerEntry.account_id
        )
    ):
        balances[owner] += points
    return {
        "labels": labels,
        "reports": [
            (
                labels[report.id], report.state, report.category, report.latitude,
                report.longitude, report.note, report.grade, report.points, report.reject_reason,
                report.decided_by, report.created_at, report.decided_at,
            )
            for report in reports
        ],
        "events": sorted(
            (labels[number], *rest)
            for number, *rest in rows(
                select(
                    ReportEvent.report_id, ReportEvent.at, ReportEvent.kind, ReportEvent.actor_id,
                    ReportEvent.from_state, ReportEvent.to_state, ReportEvent.reason,
                )
            )
        ),
        "joiners": sorted(
            (labels[number], person)
            for number, person in rows(select(Joiner.report_id, Joiner.person_id))
        ),
        "photos": sorted(
            (labels[number], position, sha256)
            for number, position, sha256 in rows(
                select(ReportPhoto.report_id, ReportPhoto.position, Photo.sha256).join(
                    Photo, Photo.id == ReportPhoto.photo_id
                )
            )
        ),
        "cards": sorted(
            (labels[number], *rest)
            for number, *rest in rows(
                select(Card.report_id, Card.chat_id, Card.purpose, Card.has_photo, Card.has_album)
            )
        ),
        "drafts": sorted(
            rows(select(Draft.person_id, Draft.note, Draft.latitude, Draft.category)), key=str
        ),
        "draft photos": len(rows(select(DraftPhoto.photo_id))),
        "conversations": sorted(
            rows(select(Conversation.name, Conversation.person_id, Conversation.state))
        ),
        "balances": sorted(balances.items()),
        "paid": sorted(
            (labels[number],)
            for (number,) in rows(
                select(LedgerTransaction.report_id).where(LedgerTransaction.rule == APPROVAL)
            )
        ),
        # What those got who had joined.
        "shares": sorted(
            rows(
                select(Account.owner_id, LedgerEntry.points)
                .join(LedgerEntry, LedgerEntry.account_id == Account.id)
                .join(LedgerTransaction, LedgerTransaction.id == LedgerEntry.transaction_id)
                .where(LedgerTransaction.rule == JOINER, Account.kind == AccountKind.RIDER)
            )
        ),
        "unsent": len(rows(select(Outgoing.id))),
        "failed": rows(select(FailedUpdate.error)),
    }  # fmt: skip


def _shown(message: Json, labels: Mapping[int, str]) -> str:
    text = " | ".join([text_of(message), *(label for _, label in buttons_of(message))])
    text = re.sub(r"#(\d+)", lambda number: f"#{labels[int(number[1])]}", text)
    # How long reviewing usually takes is told by what was decided until then, by others' reports.
    text = re.sub(r", usually within [^.]*", "", text)
    return f"{'photo ' if 'photo' in message else ''}{text}"


def differences(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """What one outcome has otherwise than another, to be read by whoever looks into it."""
    lines = []
    for name in expected:
        if found[name] != expected[name]:
            has, should = ([str(row) for row in _flat(one[name])] for one in (found, expected))
            lines += [f"{name}: - {row}" for row in should if row not in has]
            lines += [f"{name}: + {row}" for row in has if row not in should]
            lines += [f"{name}: in another order: {has}"] if sorted(has) == sorted(should) else []
    return "\n".join(lines)


def _flat(rows: Any) -> list[Any]:
    if isinstance(rows, dict):
        return [(key, row) for key, value in rows.items() for row in value]
    return rows if isinstance(rows, list) else [rows]


def check_sound(scene: Scene) -> None:
    """What holds however the day fell: nothing decided twice, paid twice, or shown as it is not."""
    found = scene.database.run_here(_rows)
    assert found["failed"] == []
    assert found["unsent"] == 0
    assert sum(points for _, points in found["balances"]) == 0
    reports = {row[0]: row for row in found["reports"]}
    paid = [label for (label,) in found["paid"]]
    assert paid == sorted(label for label, row in reports.items() if row[1] == "approved")
    earned: Counter[int] = Counter()
    for label, row in reports.items():
        earned[int(label.split(".")[0])] += row[7] or 0
    for rider, points in found["shares"]:
        earned[rider] += points
    assert {owner: points for owner, points in found["balances"] if owner and points} == {
        rider: points for rider, points in earned.items() if points
    }
    moves = defaultdict(list)
    for label, _, kind, _, before, after, _ in found["events"]:
        if before != after:
            moves[label].append((kind, before, after))
    for label, row in reports.items():
        decided = [] if row[1] == "submitted" else [(row[1], "submitted", row[1])]
        assert sorted(moves[label], key=str) == sorted(
            [("submitted", None, "submitted"), *decided], key=str
        )
    _check_shown(scene)


def _check_shown(scene: Scene) -> None:
    reports = {report.id: report for report in scene.rows(Report)}
    cards = scene.rows(Card)
    assert {(card.report_id, card.purpose) for card in cards if card.purpose == "review"} == {
        (number, "review") for number in reports
    }
    gone = {person.id for person in scene.rows(Person) if person.unreachable_since}
    for card in cards:
        if card.chat_id in gone:
            # They hear of it when they are back.
            continue
        report = reports[card.report_id]
        [message] = [m for m in scene.chat(card.chat_id) if m["message_id"] == card.message_id]
        text = text_of(message)
        assert f"#{report.id}" in text
        # Buttons are where there is something to decide, or to add.
        is_joiner = card.purpose == "receipt" and card.chat_id != report.reporter_id
        open_still = report.state == "submitted" and not is_joiner
        # A decision can be undone, a rejection be appealed.
        more = {"approved": {"撤销"}, "rejected": {"撤销", "Object"}}.get(report.state, set())
        labels = {label for _, label in buttons_of(message)}
        assert bool(labels - more) == open_still, (report.state, text)
