"""handlers/record.py and the evidence on the card: asked at the desk, answered at the desk."""

import re
from datetime import timedelta
from functools import partial

import pytest

from bot.application import publish_profile
from models import Chat, Membership, Outgoing, Person, Photo, Report, ReportEvent, Role, Vote, clock
from models.workflow import Actor, State
from services import chats, record
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, buttons_of, text_of
from tests.conversations.test_review import reported
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE


async def asked(scene: Scene, who: int, chat_id: int, text: str) -> str:
    """What the bot answers to words in a chat, once it knows who is at the desk."""
    known = {row.person_id for row in scene.rows(Membership) if row.chat_id == DESK}
    for person_id, name in ((LIN, "林"), (CHEN, "陈")):
        if person_id not in known:
            scene.database.run_here(
                partial(chats.member, chat_id=DESK, person_id=person_id, status="member", name=name)
            )
    before = len(scene.from_bot(chat_id))
    scene.world.say(who, chat_id, text)
    await scene.settle()
    return "\n".join(text_of(message) for message in scene.from_bot(chat_id)[before:])


async def reported_up_the_road(scene: Scene) -> Report:
    """A report of another rider, too far from `HERE` to be the same, with the same photo."""
    scene.world.send_photos(RIDER_ZH, RIDER_ZH, [jpeg(1)], caption="rail")
    scene.world.send_location(RIDER_ZH, RIDER_ZH, HERE[0] + 0.002, HERE[1])
    await scene.settle()
    await scene.press(RIDER_ZH, RIDER_ZH, "护栏")
    report: Report = scene.rows(Report)[-1]
    return report


def change(scene: Scene, model, key, **values) -> None:
    """Set columns of a row."""

    def work(session):
        row = session.get_one(model, key)
        for name, value in values.items():
            setattr(row, name, value)

    scene.database.run_here(work)


def happened(scene: Scene, report: Report, *events: tuple[str, int | None, str | None]) -> None:
    """Events of reviewers, as services.workflow writes them."""

    def work(session):
        for kind, by, reason in events:
            session.add(
                ReportEvent(
                    report_id=report.id,
                    at=clock.now(),
                    actor_id=by,
                    actor_role=Actor.REVIEWER if by else Actor.SYSTEM,
                    kind=kind,
                    reason=reason,
                )
            )

    scene.database.run_here(work)


def pseudonym_of(scene: Scene, person_id: int) -> str:
    person = next(row for row in scene.rows(Person) if row.id == person_id)
    return f"-{person.bird_number}"


class TestEvidence:
    async def test_the_same_photo_of_another_rider_is_told(self, scene: Scene) -> None:
        first = await reported(scene)
        await reported_up_the_road(scene)
        assert f"📷 #{first.id} 用过同一张照片" in scene.said(DESK)
        assert "同一张照片" not in text_of(scene.from_bot(DESK)[0])

    async def test_what_fetching_brings_to_light_comes_onto_the_card(self, scene: Scene) -> None:
        first = await reported(scene)
        # The same picture as another file, and not fetched before the card is out.
        scene.world.faults.add("getFile", error=500)
        await reported_up_the_road(scene)
        photo = scene.rows(Photo)[-1]
        change(scene, Photo, photo.id, file_unique_id="another")
        edits = edits_of(scene)
        clock.advance(timedelta(minutes=5))
        await scene.settle()
        assert scene.rows(Photo)[-1].sha256 is not None
        assert edits_of(scene) == edits + 1
        assert f"📷 #{first.id} 用过同一张照片" in scene.said(DESK)

    async def test_nothing_new_costs_no_edit(self, scene: Scene) -> None:
        scene.world.faults.add("getFile", error=500)
        await reported(scene)
        edits = edits_of(scene)
        clock.advance(timedelta(minutes=5))
        await scene.settle()
        assert scene.rows(Photo)[-1].sha256 is not None
        assert edits_of(scene) == edits


def edits_of(scene: Scene) -> int:
    return sum(method.startswith("editMessage") for method, _ in scene.request.calls)


class TestShow:
    async def test_tells_all_of_a_report(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(RIDER, RIDER, "Add note")
        scene.world.say(RIDER, RIDER, "it is <deep>")
        await scene.settle()
        await scene.press(CHEN, DESK, "驳回")
        await scene.press(CHEN, DESK, "看不清")
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        shown = scene.last(DESK)
        assert "photo" in shown
        rider = pseudonym_of(scene, RIDER)
        for part in (
            f"#{report.id}",
            "护栏",
            "✖️ 已驳回 · 陈",
            "山腰街道",
            "“broken rail\nit is <deep>”",
            f"{rider} · 上报",
            f"{rider} · 补充了说明",
            "陈 · 驳回 “看不清”",
            "👥 审核：陈",
            "09:15",
        ):
            assert part in told
        assert shown["reply_to_message"]["text"] == f"/show {report.id}"

    async def test_tells_which_report_it_is_a_duplicate_of(self, scene: Scene) -> None:
        first = await reported(scene)
        second = await reported_up_the_road(scene)
        await scene.press(LIN, DESK, "重复")
        card = scene.from_bot(DESK)[-1]
        scene.world.say(LIN, DESK, f"#{first.id}", reply_to=card["message_id"])
        await scene.settle()
        told = await asked(scene, LIN, DESK, f"/show {second.id}")
        assert f"🔗 与 #{first.id} 重复" in told
        assert f"合并到 #{first.id}" in told

    async def test_never_shows_a_riders_name(self, scene: Scene) -> None:
        report = await reported(scene)
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        assert scene.world.people[RIDER].user["first_name"] not in told

    async def test_a_colleague_who_reports_is_a_rider_here(self, scene: Scene) -> None:
        report = await reported(scene, LIN, "护栏")
        told = await asked(scene, CHEN, DESK, f"/show {report.id}")
        assert "林" not in told.replace("林审核", "")
        assert f"{pseudonym_of(scene, LIN)} · 上报" in told

    async def test_an_album_comes_before_the_words(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(n) for n in range(3)])
        scene.world.send_location(RIDER, RIDER, *HERE)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        before = len(scene.from_bot(DESK))
        await asked(scene, LIN, DESK, f"/show {scene.rows(Report)[0].id}")
        messages = scene.from_bot(DESK)[before:]
        assert ["photo" in message for message in messages] == [True, True, True, False]
        # In a forum, that is what keeps them in the topic.
        assert all("reply_to_message" in message for message in messages)

    async def test_the_first_of_two_votes_is_kept_secret(self, scene: Scene) -> None:
        report = await reported(scene)
        happened(scene, report, ("voted", CHEN, "approve:3"))
        change(scene, Report, report.id, state=State.SECOND)
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        assert "给出意见" in told
        assert "★" not in told
        assert "approve" not in told
        happened(scene, report, ("disputed", LIN, "reject"))
        change(scene, Report, report.id, state=State.DISPUTED)
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        assert "给出意见 “采纳 ★★★”" in told
        assert "意见不同 “驳回”" in told

    async def test_every_event_has_words_and_an_unknown_one_breaks_nothing(
        self, scene: Scene
    ) -> None:
        from handlers.record import EVENTS
        from models.workflow import TRANSITIONS

        assert {step.name for step in TRANSITIONS} <= set(EVENTS)
        report = await reported(scene)
        happened(scene, report, ("made_up", CHEN, "so <it> is"), ("unanswered", None, None))
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        assert "有改动 “so <it> is”" in told
        assert "系统 · 无人回答，已关闭" in told

    async def test_a_long_history_is_paged_on_one_message(self, scene: Scene) -> None:
        report = await reported(scene)
        happened(scene, report, *(("held", CHEN, f"why {n}" * 50) for n in range(20)))
        await asked(scene, LIN, DESK, f"/show {report.id}")
        count = len(scene.chat(DESK))
        pages = [scene.said(DESK)]
        for _ in range(2):
            await scene.press(LIN, DESK, "▶")
            pages.append(scene.said(DESK))
        assert [re.search(r"(\d)/3", page)[1] for page in pages] == ["1", "2", "3"]
        assert [label for _, label in buttons_of(scene.last(DESK))] == ["◀"]
        assert "“why 19" in pages[2]
        await scene.press(LIN, DESK, "◀")
        assert scene.said(DESK) == pages[1]
        assert len(scene.chat(DESK)) == count

    @pytest.mark.parametrize("length", [10, 3000])
    async def test_the_longest_page_fits_a_message(self, scene: Scene, length: int) -> None:
        report = await reported(scene)
        change(scene, Report, report.id, note="<" * length)
        happened(scene, report, *(("held", CHEN, "&" * 300) for _ in range(20)))
        await asked(scene, LIN, DESK, f"/show {report.id}")
        assert "<<<" in scene.said(DESK)
        assert not dead(scene)

    @pytest.mark.parametrize(
        ("words", "answer"),
        [
            ("/show", "请这样写：/show 1042"),
            ("/show abc", "请这样写：/show 1042"),
            ("/show -1", "请这样写：/show 1042"),
            ("/show 99", "没有 #99 这条上报。"),
            ("/show 999999999999999", "没有 #999999999999999 这条上报。"),
            ("/show 9999999999999999999999", "请这样写：/show 1042"),
        ],
    )
    async def test_bad_numbers_get_a_clear_sentence(
        self, scene: Scene, words: str, answer: str
    ) -> None:
        assert await asked(scene, LIN, DESK, words) == answer

    async def test_another_desks_report_is_not_shown(self, scene: Scene) -> None:
        change(scene, Chat, DESK, districts=["nanpu"])
        report = await reported(scene)
        told = await asked(scene, LIN, DESK, f"/show {report.id}")
        assert told == f"#{report.id} 归另一个审核群管。"

    async def test_what_was_dealt_here_is_shown_wherever_its_district_went(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        change(scene, Chat, DESK, districts=[])
        assert f"#{report.id} " in await asked(scene, LIN, DESK, f"/show {report.id}")

    async def test_who_has_left_sees_nothing(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        await asked(scene, CHEN, CHEN, f"/show {report.id}")
        assert scene.said(CHEN) == f"你的审核群里没有 #{report.id}。"

    async def test_a_member_may_ask_in_private(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(LIN, DESK, "★★★")
        told = await asked(scene, LIN, LIN, f"/show {report.id}")
        assert "✅ 已采纳 ★★★ · 林" in told
        happened(scene, report, *(("claimed", CHEN, None) for _ in range(20)))
        await asked(scene, LIN, LIN, f"/show {report.id}")
        await scene.press(LIN, LIN, "▶")
        assert "2/3" in scene.said(LIN)

    async def test_a_stranger_learns_nothing_in_private(self, scene: Scene) -> None:
        report = await reported(scene)
        # The first time Telegram is asked whether they are in the desk's chat.
        await asked(scene, RIDER_ZH, RIDER_ZH, "/show 99")
        told = {await asked(scene, RIDER_ZH, RIDER_ZH, f"/show {n}") for n in (report.id, 99)}
        assert told == {f"你的审核群里没有 #{n}。" for n in (report.id, 99)}

    async def test_forged_buttons_do_nothing(self, scene: Scene) -> None:
        report = await reported(scene)
        card = scene.last(DESK)
        await asked(scene, RESIDENT, RESIDENT, "/start")
        for who, chat_id, data in (
            (LIN, DESK, f"h:page:{report.id}:0"),
            (LIN, DESK, "h:page:zz:0"),
            (LIN, DESK, f"h:page:{report.id}:x"),
            (LIN, DESK, "h:find:0:护栏"),
            (LIN, DESK, "h:show:zz"),
            (RESIDENT, RESIDENT, f"h:show:{report.id}"),
            (RESIDENT, RESIDENT, f"h:page:{report.id}:0"),
            (RESIDENT, RESIDENT, "h:find:0:山腰"),
        ):
            before = scene.chat(chat_id)
            message = scene.last(chat_id) if chat_id == RESIDENT else card
            scene.world.press(who, chat_id, message["message_id"], data, forge=True)
            await scene.settle()
            assert scene.chat(chat_id) == before, data
            assert scene.toasts(), data

    async def test_says_nothing_in_a_group_that_is_no_desk(self, scene: Scene) -> None:
        report = await reported(scene)
        change(scene, Chat, DESK, purpose=None)
        for words in (f"/show {report.id}", "/search 山腰", "/desk", "/help"):
            assert await asked(scene, LIN, DESK, words) == ""


def dead(scene: Scene) -> list[Outgoing]:
    """What could not be sent."""
    return [row for row in scene.rows(Outgoing) if row.state == "dead"]


class TestSearch:
    async def test_by_number_shows_the_report(self, scene: Scene) -> None:
        report = await reported(scene)
        told = await asked(scene, LIN, DESK, f"/search #{report.id}")
        assert "👤 骑手" in told

    async def test_by_pseudonym_in_either_language(self, scene: Scene) -> None:
        report = await reported(scene)
        await reported_up_the_road(scene)
        change(scene, Person, RIDER, bird=0, bird_number=27)
        for words in ("Gull-27", "gull 27", "海鸥-27", "海鸥27"):
            told = await asked(scene, LIN, DESK, f"/search {words}")
            assert "🔎 海鸥-27" in told
            assert [label for _, label in buttons_of(scene.last(DESK))] == [f"#{report.id}"]
        assert "没有叫这个的" in await asked(scene, LIN, DESK, "/search Gull-28")

    @pytest.mark.parametrize(
        "words",
        ["山腰", "山腰街道", "shanyao", "SHANY", "永嘉路/中兴街口", "中兴街", "zhongxing st"],
    )
    async def test_by_place_in_either_language(self, scene: Scene, words: str) -> None:
        report = await reported(scene)
        await asked(scene, LIN, DESK, f"/search {words}")
        assert [label for _, label in buttons_of(scene.last(DESK))] == [f"#{report.id}"]

    @pytest.mark.parametrize(
        ("words", "state"),
        [
            ("waiting", "submitted"),
            ("待审核", "appealed"),
            ("submitted", "submitted"),
            ("approved", "approved"),
            ("已采纳", "approved"),
            ("采纳", "approved"),
            ("held", "held"),
            ("待骑手答", "asked"),
            ("rider asked", "asked"),
        ],
    )
    async def test_by_state_in_either_language(self, scene: Scene, words: str, state: str) -> None:
        report = await reported(scene)
        change(scene, Report, report.id, state=state)
        await asked(scene, LIN, DESK, f"/search {words}")
        assert [label for _, label in buttons_of(scene.last(DESK))] == [f"#{report.id}"]
        change(scene, Report, report.id, state="withdrawn")
        assert "没有找到" in await asked(scene, LIN, DESK, f"/search {words}")

    async def test_is_paged_on_one_message_and_shows_what_is_pressed(self, scene: Scene) -> None:
        report = await reported(scene)
        copies(scene, report, record.FOUND + 1)
        newest = scene.rows(Report)[-1].id
        await asked(scene, LIN, DESK, "/search 山腰街道")
        count = len(scene.chat(DESK))
        labels = [label for _, label in buttons_of(scene.last(DESK))]
        assert labels == [*(f"#{newest - n}" for n in range(record.FOUND)), "▶"]
        await scene.press(LIN, DESK, "▶")
        labels = [label for _, label in buttons_of(scene.last(DESK))]
        assert labels == [f"#{report.id + 1}", f"#{report.id}", "◀"]
        assert len(scene.chat(DESK)) == count
        await scene.press(LIN, DESK, f"#{report.id}")
        assert f"#{report.id} " in scene.said(DESK)
        assert "👤 骑手" in scene.said(DESK)

    async def test_only_the_desks_own_districts_are_looked_at(self, scene: Scene) -> None:
        report = await reported(scene)
        copies(scene, report, 1, district="nanpu")
        change(scene, Chat, DESK, districts=["nanpu"])
        for words in ("waiting", "nanpu"):
            await asked(scene, LIN, DESK, f"/search {words}")
            labels = [label for _, label in buttons_of(scene.last(DESK))]
            assert labels == [f"#{report.id + 1}"]
        assert "没有找到" in await asked(scene, LIN, DESK, "/search 山腰街道")

    @pytest.mark.parametrize(
        ("words", "answer"),
        [
            ("/search", "例如：/search 海鸥-27"),
            ("/search :", "例如：/search 海鸥-27"),
            ("/search 火星", "没有叫这个的。试试编号、骑手、地点或状态。"),
            ("/search 路", "叫这个的地方太多。名字再写全一点。"),
            ("/search " + "永" * 17, "太长了。写名字的一部分就行。"),
            ("/search " + "y" * 41, "太长了。写名字的一部分就行。"),
            ("/search 南埔镇", "没有找到：南埔镇"),
        ],
    )
    async def test_bad_questions_get_a_clear_sentence(
        self, scene: Scene, words: str, answer: str
    ) -> None:
        assert answer in await asked(scene, LIN, DESK, words)

    async def test_who_has_left_finds_nothing(self, scene: Scene) -> None:
        await reported(scene)
        await asked(scene, CHEN, DESK, "/search 山腰街道")
        found = scene.last(DESK)
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        before = scene.chat(DESK)
        scene.world.press(CHEN, DESK, found["message_id"], buttons_of(found)[0][0], forge=True)
        await scene.settle()
        assert scene.chat(DESK) == before


def copies(scene: Scene, report: Report, count: int, **told) -> None:
    """More reports like one."""

    def work(session):
        row = session.get_one(Report, report.id)
        values = {
            column.name: getattr(row, column.name)
            for column in Report.__table__.columns
            if column.name != "id"
        }
        session.add_all(Report(**(values | told)) for _ in range(count))

    scene.database.run_here(work)


class TestDesk:
    async def test_a_chief_reads_the_figures(self, scene: Scene) -> None:
        await reported(scene)
        clock.advance(timedelta(minutes=12))
        await scene.press(LIN, DESK, "★★★")
        await reported_up_the_road(scene)
        clock.advance(timedelta(hours=2))
        make_chief(scene, LIN)
        told = await asked(scene, LIN, DESK, "/desk")
        assert told.split("\n") == [
            "本群审核情况",
            "📊 7 天：审了 1 条，一半在 12 分钟内，九成在 12 分钟内",
            "📊 30 天：审了 1 条，一半在 12 分钟内，九成在 12 分钟内",
            "⏳ 待审 1 条，最早的在 2 小时前",
            "↩️ 后来被推翻的决定和意见：",
            "林 · 0% (0/1)",
        ]

    async def test_nothing_waits(self, scene: Scene) -> None:
        make_chief(scene, LIN)
        told = await asked(scene, LIN, DESK, "/desk")
        assert told.split("\n")[1:] == [
            "📊 7 天：审了 0 条",
            "📊 30 天：审了 0 条",
            "⏳ 没有待审的。",
        ]

    async def test_nobody_else_does(self, scene: Scene) -> None:
        make_chief(scene, LIN)
        assert await asked(scene, CHEN, DESK, "/desk") == "这个只有组长能看。"

    async def test_in_private_there_is_no_such_command(self, scene: Scene) -> None:
        make_chief(scene, LIN)
        assert "/help" in await asked(scene, LIN, LIN, "/desk")


def make_chief(scene: Scene, person_id: int) -> None:
    def work(session):
        if session.get(Person, person_id) is None:
            session.add(
                Person(
                    id=person_id, language="zh_Hans", bird=3, bird_number=5, created_at=clock.now()
                )
            )
            session.flush()
        session.add(Role(person_id=person_id, role="chief", granted_at=clock.now()))

    scene.database.run_here(work)


class TestHelp:
    async def test_a_new_reviewer_reads_it_in_a_minute(self, scene: Scene) -> None:
        told = await asked(scene, CHEN, DESK, "/help")
        for part in ("采纳", "驳回", "问骑手", "重复", "我来看", "更多", "撤销", "回复卡片"):
            assert part in told
        # A minute is some 400 characters of Chinese.
        assert len(told) < 400

    async def test_is_in_the_chats_language(self, scene: Scene) -> None:
        change(scene, Chat, DESK, language="en")
        told = await asked(scene, CHEN, DESK, "/help")
        assert "Approve ★ … ★★★" in told
        # Some 200 words.
        assert len(told.split()) < 200

    async def test_in_private_it_is_the_riders(self, scene: Scene) -> None:
        assert "/myreports" in await asked(scene, CHEN, CHEN, "/help")


class TestMenu:
    @pytest.mark.parametrize(("code", "search"), [("", "Find reports"), ("zh", "查找上报")])
    async def test_groups_are_offered_the_desks_commands(
        self, scene: Scene, code: str, search: str
    ) -> None:
        await publish_profile(scene.api, scene.house)
        scope = {"type": "all_group_chats"}
        offered = scene.call("getMyCommands", scope=scope, language_code=code)
        assert [row["command"] for row in offered] == ["queue", "show", "search", "desk", "help"]
        assert offered[2]["description"] == search
        private = scene.call("getMyCommands", scope={"type": "all_private_chats"})
        assert "queue" not in [row["command"] for row in private]


class TestAnonymous:
    async def test_nobody_knows_who_asks(self, scene: Scene) -> None:
        report = await reported(scene)
        before = len(scene.from_bot(DESK))
        update = {
            "update_id": 10**9,
            "message": {
                "message_id": 10**6,
                "date": int(clock.now().timestamp()),
                "chat": {"id": DESK, "type": "supergroup", "title": "x"},
                "from": {"id": 1087968824, "is_bot": True, "first_name": "Group"},
                "sender_chat": {"id": DESK, "type": "supergroup", "title": "x"},
                "text": f"/show {report.id}",
                "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
            },
        }
        await scene.intake.apply(update)
        await scene.settle()
        (answer,) = scene.from_bot(DESK)[before:]
        assert "匿名" in text_of(answer)
        assert scene.rows(Vote) == []
