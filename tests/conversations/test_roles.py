"""Who may press what: membership and /role, bans, and buttons nobody has (handlers/roles.py)."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.application import prepare
from bot.intake import Outcome
from handlers import sanctions as sentences
from handlers.context import Turn
from models import Card, Draft, Errand, Joiner, Membership, Person, Report, ReportPhoto, Role, clock
from services import chats, errands, people, sanctions
from services import reports as report_rows
from services.reviewers import Reviewer
from tests.conversations.people import CHEN, DESK, LIN, RESIDENT, RIDER, RIDER_ZH
from tests.conversations.scene import HERE, MOSTLY_SQLITE, Scene, labels_of, text_of
from tests.pictures import jpeg

pytestmark = MOSTLY_SQLITE

HIDDEN = "Bad Request: member list is inaccessible"
CHIEF = Reviewer(9001, "Chief", is_chief=True)


async def reported(scene: Scene, who: int = RIDER, label: str = "guardrail") -> Report:
    scene.world.send_photos(who, who, [jpeg(1)])
    scene.world.send_location(who, who, *HERE, accuracy=12)
    await scene.settle()
    await scene.press(who, who, label)
    report: Report = scene.rows(Report)[-1]
    return report


async def forge(scene: Scene, who: int, data: str, chat_id: int = DESK) -> None:
    message = scene.last(chat_id)
    scene.world.press(who, chat_id, message["message_id"], data, forge=True)
    await scene.settle()


def forged(scene: Scene) -> int:
    written = scene.metrics.write(None).decode()
    [count] = [
        sample.value
        for family in text_string_to_metric_families(written)
        for sample in family.samples
        if sample.name == "sentinel_forged_presses_total"
    ]
    return int(count)


def state(scene: Scene) -> str:
    return str(scene.rows(Report)[-1].state)


def known(scene: Scene) -> dict[int, str]:
    return {row.person_id: row.status for row in scene.rows(Membership) if row.chat_id == DESK}


def words(scene: Scene, who: int, text: str, chat_id: int | None = None, **told: Any) -> int:
    return int(scene.world.say(who, chat_id or who, text, **told)["message_id"])


async def become_admin(scene: Scene, who: int = LIN) -> None:
    assert scene.code is not None
    words(scene, who, scene.code.text)
    await scene.settle()


class TestStanding:
    async def test_who_runs_the_desk_is_known_from_the_start(self, scene: Scene) -> None:
        await scene.settle()
        assert known(scene) == {LIN: "creator"}

    async def test_here_asks_who_runs_the_group(self, bare_scene: Scene) -> None:
        scene = bare_scene
        await become_admin(scene)
        group = scene.world.create_group(LIN, "Small desk", [CHEN])
        await scene.settle()
        words(scene, LIN, "/here moderators", group)
        await scene.settle()
        assert [(row.chat_id, row.person_id) for row in scene.rows(Membership)] == [(group, LIN)]

    async def test_one_tap_of_somebody_unheard_of_stays_one_tap(self, scene: Scene) -> None:
        await reported(scene)
        assert CHEN not in known(scene)
        answers = len(scene.world.callback_answers)
        await scene.press(CHEN, DESK, "★★")
        assert state(scene) == "approved"
        assert known(scene)[CHEN] == "member"
        [answer] = scene.world.callback_answers[answers:]
        assert (answer["user_id"], answer["text"]) == (CHEN, "")
        assert forged(scene) == 0

    async def test_a_stranger_decides_nothing_and_is_counted(self, scene: Scene) -> None:
        report = await reported(scene)
        await forge(scene, RESIDENT, f"v:a3:{report.id}")
        assert state(scene) == "submitted"
        assert forged(scene) == 1
        assert "不归你操作" in scene.toasts()[-1]
        [row] = [row for row in scene.rows(Membership) if row.person_id == RESIDENT]
        assert (row.status, row.name) == ("left", "")
        # Telegram is not asked again at once.
        await forge(scene, RESIDENT, f"v:a3:{report.id}")
        assert scene.rows(Errand) == []
        assert (state(scene), forged(scene)) == ("submitted", 2)

    async def test_nor_from_their_own_chat(self, scene: Scene) -> None:
        report = await reported(scene)
        words(scene, RESIDENT, "/start")
        await scene.settle()
        await forge(scene, RESIDENT, f"v:a3:{report.id}", RESIDENT)
        assert (state(scene), forged(scene)) == ("submitted", 1)

    async def test_who_is_put_out_loses_the_power_at_once(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.promote(LIN, DESK, CHEN)
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        assert known(scene)[CHEN] == "kicked"
        await forge(scene, CHEN, f"v:a3:{report.id}")
        assert (state(scene), forged(scene)) == ("submitted", 1)
        scene.world.add_member(LIN, DESK, CHEN)
        await scene.settle()
        await scene.press(CHEN, DESK, "★★★")
        assert state(scene) == "approved"

    async def test_a_service_message_tells_it_where_the_bot_is_no_administrator(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        scene.world.demote(LIN, DESK, scene.me["id"])
        await scene.press(CHEN, DESK, "驳回")
        scene.world.remove_member(CHEN, DESK, CHEN)
        await scene.settle()
        assert known(scene)[CHEN] == "left"
        await forge(scene, CHEN, f"v:a3:{report.id}")
        assert (state(scene), forged(scene)) == ("submitted", 1)

    async def test_a_departure_nobody_told_of_is_found_out(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.demote(LIN, DESK, scene.me["id"])
        await scene.press(CHEN, DESK, "驳回")
        scene.world.remove_member(CHEN, DESK, CHEN)
        for update in scene.pending():
            scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
        clock.advance(chats.KNOWN_FOR + timedelta(seconds=1))
        await forge(scene, CHEN, f"v:a3:{report.id}")
        assert (state(scene), forged(scene)) == ("submitted", 1)
        assert known(scene)[CHEN] == "left"

    async def test_so_is_one_during_an_outage_that_was_too_long(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(CHEN, DESK, "驳回")
        scene.world.remove_member(LIN, DESK, CHEN)
        # Telegram keeps no update for more than a day.
        for update in scene.pending():
            scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
        clock.advance(chats.KNOWN_FOR + timedelta(seconds=1))
        await forge(scene, CHEN, f"v:a3:{report.id}")
        assert (state(scene), forged(scene)) == ("submitted", 1)
        assert known(scene)[CHEN] == "kicked"

    async def test_who_left_is_shown_no_more_of_what_they_were_dealt(self, scene: Scene) -> None:
        await reported(scene)
        words(scene, CHEN, "/start")
        words(scene, CHEN, "/queue", DESK)
        await scene.settle()
        assert scene.said(CHEN).startswith("#1 ")
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        before = [text_of(message) for message in scene.from_bot(CHEN)]
        await scene.press(RIDER, RIDER, "Add note")
        words(scene, RIDER, "Behind the yellow house")
        await scene.settle()
        assert "Behind the yellow house" in scene.said(DESK)
        assert [text_of(message) for message in scene.from_bot(CHEN)] == before

    async def test_a_return_nobody_told_of_is_found_out(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        scene.world.add_member(LIN, DESK, CHEN)
        for update in scene.pending():
            scene.call("getUpdates", offset=update["update_id"] + 1, limit=1, timeout=0)
        clock.advance(chats.OUT_FOR)
        await scene.press(CHEN, DESK, "★★")
        assert state(scene) == "approved"

    async def test_while_telegram_cannot_be_asked_it_goes_on_trying(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.faults.add("getChatMember", error=502)
        await scene.press(CHEN, DESK, "★★")
        assert state(scene) == "submitted"
        assert "正在核对" in scene.toasts()[-1]
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        assert state(scene) == "approved"
        assert forged(scene) == 0

    async def test_in_the_end_it_is_given_up_without_effect(self, scene: Scene) -> None:
        await become_admin(scene)
        await reported(scene)
        scene.world.faults.add("getChatMember", error=502, times=None)
        await scene.press(CHEN, DESK, "★★")
        for wait in errands.WAITS:
            clock.advance(timedelta(seconds=wait))
            await scene.settle()
        assert scene.rows(Errand) == []
        assert state(scene) == "submitted"
        assert CHEN not in known(scene)
        assert "🚨" in scene.said(LIN)

    async def test_where_members_are_hidden_the_admins_hear_of_it(self, scene: Scene) -> None:
        await become_admin(scene)
        await reported(scene)
        scene.world.faults.add("getChatMember", error=400, description=HIDDEN)
        await scene.press(CHEN, DESK, "★★")
        assert state(scene) == "submitted"
        assert "群管理员" in scene.toasts()[-1]
        assert "🚨" in scene.said(LIN)
        assert (forged(scene), CHEN in known(scene)) == (0, False)

    async def test_and_so_does_who_wrote_in_reply(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.faults.add("getChatMember", error=400, description=HIDDEN)
        card = scene.last(DESK)["message_id"]
        words(scene, CHEN, "再看看", DESK, reply_to=card)
        await scene.settle()
        assert "群管理员" in scene.said(DESK)
        assert state(scene) == "submitted"

    async def test_whom_telegram_does_not_know_there_is_not_there(self, scene: Scene) -> None:
        await reported(scene)
        scene.world.faults.add(
            "getChatMember", error=400, description="Bad Request: PARTICIPANT_ID_INVALID"
        )
        await scene.press(CHEN, DESK, "★★")
        assert (state(scene), forged(scene)) == ("submitted", 1)

    async def test_what_was_decided_meanwhile_stays(self, scene: Scene) -> None:
        await reported(scene)
        card = scene.last(DESK)
        scene.world.faults.add("getChatMember", error=502)
        await scene.press(CHEN, DESK, "★★★", card)
        await scene.press(LIN, DESK, "★", card)
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        [report] = scene.rows(Report)
        assert (report.grade, report.decided_by) == (1, LIN)
        assert forged(scene) == 0

    async def test_what_somebody_unheard_of_replies_is_taken_once_they_are_known(
        self, scene: Scene
    ) -> None:
        await reported(scene)
        await scene.press(LIN, DESK, "★★")
        card = scene.last(DESK)["message_id"]
        scene.world.faults.add("getChatMember", error=502)
        words(scene, CHEN, "再看看", DESK, reply_to=card)
        await scene.settle()
        assert scene.last(DESK)["message_id"] == card
        clock.advance(timedelta(seconds=errands.WAITS[0]))
        await scene.settle()
        assert "采纳" in scene.said(DESK)
        assert known(scene)[CHEN] == "member"

    @pytest.mark.parametrize(("name", "text"), [(None, "看不清"), (7, "看不清"), ("Chen", 7)])
    async def test_what_is_no_name_or_text_fails_with_its_update_and_not_in_the_errand(
        self, scene: Scene, name: Any, text: Any
    ) -> None:
        await reported(scene)
        sent = {"date": 1, "chat": {"id": DESK, "type": "supergroup", "title": "desk"}}
        card = {**sent, "message_id": scene.last(DESK)["message_id"], "from": scene.me}
        message = {
            **sent,
            "message_id": 900,
            "from": {"id": CHEN, "is_bot": False, "first_name": name},
            "text": text,
            "reply_to_message": card,
        }
        outcomes = [
            await scene.intake.apply({"update_id": 9001, "message": message}) for _ in range(3)
        ]
        assert outcomes[-1] is Outcome.SET_ASIDE
        assert scene.rows(Errand) == []

    async def test_an_anonymous_administrator_is_asked_to_write_as_themselves(
        self, scene: Scene
    ) -> None:
        await reported(scene)
        chat = {"id": DESK, "type": "supergroup", "title": "desk"}
        anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
        sent = {"message_id": 900, "date": int(clock.now().timestamp()), "chat": chat}
        message = {
            **sent,
            "from": anonymous,
            "sender_chat": chat,
            "text": "看不清",
            "reply_to_message": {
                **sent,
                "message_id": scene.last(DESK)["message_id"],
                "from": scene.me,
            },
        }
        await scene.intake.apply({"update_id": 9001, "message": message})
        await scene.settle()
        assert "匿名" in scene.said(DESK)
        assert known(scene) == {LIN: "creator"}

    async def test_bots_are_no_reviewers(self, scene: Scene) -> None:
        await scene.settle()
        bot = {"id": 777, "is_bot": True, "first_name": "Helper"}
        chat = {"id": DESK, "type": "supergroup", "title": "desk"}
        date = int(clock.now().timestamp())
        human = {"id": LIN, "is_bot": False, "first_name": "Lin"}
        change = {
            "chat": chat,
            "from": human,
            "date": date,
            "old_chat_member": {"status": "left", "user": bot},
            "new_chat_member": {"status": "member", "user": bot},
        }
        joined = {"message_id": 1, "chat": chat, "from": human, "date": date}
        await scene.intake.apply({"update_id": 9001, "chat_member": change})
        await scene.intake.apply(
            {"update_id": 9002, "message": {**joined, "new_chat_members": [bot]}}
        )
        assert known(scene) == {LIN: "creator"}

    @pytest.mark.parametrize(("is_member", "status"), [(True, "restricted"), (False, "left")])
    async def test_who_is_restricted_may_be_out(
        self, scene: Scene, is_member: bool, status: str
    ) -> None:
        user = {"id": CHEN, "is_bot": False, "first_name": "陈"}
        may = dict.fromkeys(
            (
                "can_send_messages",
                "can_send_audios",
                "can_send_documents",
                "can_send_photos",
                "can_send_videos",
                "can_send_video_notes",
                "can_send_voice_notes",
                "can_send_polls",
                "can_send_other_messages",
                "can_add_web_page_previews",
                "can_change_info",
                "can_invite_users",
                "can_pin_messages",
                "can_manage_topics",
                "can_edit_tag",
                "can_react_to_messages",
            ),
            False,
        )
        change = {
            "chat": {"id": DESK, "type": "supergroup", "title": "desk"},
            "from": user,
            "date": int(clock.now().timestamp()),
            "old_chat_member": {"status": "member", "user": user},
            "new_chat_member": {
                "status": "restricted",
                "user": user,
                "is_member": is_member,
                "until_date": 0,
                **may,
            },
        }
        await scene.intake.apply({"update_id": 9001, "chat_member": change})
        assert known(scene)[CHEN] == status

    async def test_a_desk_has_no_power_over_anothers_reports(self, scene: Scene) -> None:
        await become_admin(scene)
        other = scene.world.create_group(LIN, "Other desk", [RESIDENT], bot="administrator")
        await scene.settle()
        words(scene, LIN, "/here moderators", other)
        await scene.settle()

        def divide(session: Any) -> None:
            chat = chats.current(session, chat_id=other)
            assert chat is not None
            chat.districts = ["shanyao"]
            desk = chats.current(session, chat_id=DESK)
            assert desk is not None
            desk.districts = ["fengwei"]

        scene.database.run_here(divide)
        report = await reported(scene)
        assert report.district == "shanyao"
        # No card of it is in the other desk.
        scene.database.run_here(
            lambda session: session.query(Card).filter_by(chat_id=DESK).delete()
        )
        words(scene, LIN, "hello", DESK)
        # A member of one desk, with the number of another's report.
        message = scene.chat(DESK)[-1]
        scene.world.press(CHEN, DESK, message["message_id"], f"v:a3:{report.id}", forge=True)
        await scene.settle()
        assert (state(scene), forged(scene)) == ("submitted", 1)
        scene.world.press(RESIDENT, other, message["message_id"], f"v:a3:{report.id}", forge=True)
        await scene.settle()
        assert (state(scene), forged(scene)) == ("approved", 1)


class TestForgedPresses:
    @pytest.mark.parametrize(
        "data", ["", "x", "v:zz:1", "nonsense", "v:a1:", "d:cat:é:x", "q:" * 30]
    )
    async def test_what_is_no_button_of_ours_does_nothing(self, scene: Scene, data: str) -> None:
        await reported(scene)
        before = scene.from_bot(DESK)
        await forge(scene, LIN, data)
        assert (state(scene), forged(scene)) == ("submitted", 1)
        assert scene.from_bot(DESK) == before
        assert scene.toasts()[-1]

    async def test_a_report_that_is_not_there(self, scene: Scene) -> None:
        await reported(scene)
        await forge(scene, LIN, "v:a1:zzzz")
        assert (state(scene), forged(scene)) == ("submitted", 1)

    async def test_a_number_no_row_can_have(self, scene: Scene) -> None:
        report = await reported(scene)
        await forge(scene, LIN, f"v:m:{report.id}:{'z' * 30}")
        assert state(scene) == "submitted"
        assert scene.toasts()[-1] == "这个按钮过期了。"

    async def test_a_code_of_another_message_leaves_the_card_its_buttons(
        self, scene: Scene
    ) -> None:
        report = await reported(scene)
        before = labels_of(scene.last(DESK))
        await forge(scene, LIN, f"v:d:{report.id}:zz")
        assert labels_of(scene.cards(DESK)[0]) == before

    async def test_anothers_report(self, scene: Scene) -> None:
        report = await reported(scene)
        words(scene, RESIDENT, "/start")
        await scene.settle()
        await forge(scene, RESIDENT, f"o:undo:{report.id}", RESIDENT)
        assert (state(scene), forged(scene)) == ("submitted", 1)

    async def test_an_honest_mistake_is_not_counted(self, scene: Scene) -> None:
        await reported(scene, LIN, "护栏")
        await scene.press(LIN, DESK, "★★")
        words(scene, RIDER, "/report")
        await scene.settle()
        await forge(scene, RIDER, "d:cat:1:guardrail", RIDER)
        assert forged(scene) == 0


class TestRole:
    async def test_a_reply_makes_a_chief_and_no_chief(self, scene: Scene) -> None:
        await become_admin(scene)
        said = words(scene, CHEN, "早", DESK)
        words(scene, LIN, "/role chief", DESK, reply_to=said)
        await scene.settle()
        assert scene.said(DESK) == "现在是组长：陈"
        assert (CHEN, "chief") in {(row.person_id, row.role) for row in scene.rows(Role)}
        words(scene, LIN, "/role none", DESK, reply_to=said)
        await scene.settle()
        assert [(row.person_id, row.role) for row in scene.rows(Role)] == [(LIN, "admin")]

    async def test_a_number_makes_an_admin_in_private(self, scene: Scene) -> None:
        await become_admin(scene)
        words(scene, LIN, "/role admin 123456")
        await scene.settle()
        assert "现在是管理员：123456" in scene.said(LIN)
        words(scene, LIN, "/role none 3001")
        await scene.settle()
        assert [row.person_id for row in scene.rows(Role)] == [123456]
        # They gave their power away.
        words(scene, LIN, "/role admin 3001")
        await scene.settle()
        assert [row.person_id for row in scene.rows(Role)] == [123456]

    async def test_the_last_admin_stays(self, scene: Scene) -> None:
        await become_admin(scene)
        words(scene, LIN, f"/role none {LIN}")
        await scene.settle()
        assert "最后一位管理员" in scene.said(LIN)
        assert [(row.person_id, row.role) for row in scene.rows(Role)] == [(LIN, "admin")]

    async def test_nobody_else_gives_roles(self, scene: Scene) -> None:
        await become_admin(scene)
        words(scene, LIN, f"/role chief {CHEN}")
        said = words(scene, LIN, "早", DESK)
        await scene.settle()
        # Neither a chief in the desk or in private, nor a rider.
        words(scene, CHEN, "/role admin", DESK, reply_to=said)
        words(scene, CHEN, "/role", DESK)
        words(scene, CHEN, f"/role admin {CHEN}")
        words(scene, RIDER, f"/role chief {RIDER}")
        words(scene, RIDER, "/role")
        await scene.settle()
        held = {(row.person_id, row.role) for row in scene.rows(Role)}
        assert held == {(LIN, "admin"), (CHEN, "chief")}
        assert str(LIN) not in scene.said(RIDER)

    @pytest.mark.parametrize(
        "text",
        ["/role chef", "/role chief", "/role chief Lin", "/role chief -100", "/role chief 1 2"],
    )
    async def test_how_it_is_written_is_said(self, scene: Scene, text: str) -> None:
        await become_admin(scene)
        words(scene, LIN, text)
        await scene.settle()
        assert "/role chief 123456" in scene.said(LIN)
        words(scene, LIN, text, DESK)
        await scene.settle()
        assert "回复同事" in scene.said(DESK)
        assert len(scene.rows(Role)) == 1

    async def test_a_reply_to_the_bot_is_no_reply_to_a_colleague(self, scene: Scene) -> None:
        await become_admin(scene)
        await reported(scene)
        words(scene, LIN, "/role chief", DESK, reply_to=scene.last(DESK)["message_id"])
        await scene.settle()
        assert "回复同事" in scene.said(DESK)
        assert len(scene.rows(Role)) == 1

    @pytest.mark.parametrize(
        "replied",
        [
            # In a forum, what answers nothing answers the opening of its topic.
            {"forum_topic_created": {"name": "山腰", "icon_color": 1}},
            # A channel's post, brought along by Telegram itself.
            {"sender_chat": {"id": -500, "type": "channel", "title": "news"}, "text": "news"},
        ],
    )
    async def test_what_nobody_said_is_no_colleagues_word(
        self, scene: Scene, replied: dict[str, Any]
    ) -> None:
        await become_admin(scene)
        chat = {"id": DESK, "type": "supergroup", "title": "desk", "is_forum": True}
        sent = {"message_id": 5, "date": int(clock.now().timestamp()), "chat": chat}
        user = {"id": CHEN, "is_bot": False, "first_name": "陈"}
        command = {
            **sent,
            "message_id": 6,
            "from": {"id": LIN, "is_bot": False, "first_name": "林"},
            "text": "/role chief",
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
            "reply_to_message": {**sent, "from": user, **replied},
        }
        await scene.intake.apply({"update_id": 9001, "message": command})
        await scene.settle()
        assert "回复同事" in scene.said(DESK)
        assert len(scene.rows(Role)) == 1

    async def test_what_an_admin_forwards_they_have_not_said(self, scene: Scene) -> None:
        await become_admin(scene)
        date = int(clock.now().timestamp())
        command = {
            "message_id": 6,
            "date": date,
            "chat": {"id": LIN, "type": "private", "first_name": "林"},
            "from": {"id": LIN, "is_bot": False, "first_name": "林"},
            "text": f"/role admin {CHEN}",
            "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
            "forward_origin": {
                "type": "user",
                "date": date,
                "sender_user": {"id": CHEN, "is_bot": False, "first_name": "陈"},
            },
        }
        await scene.intake.apply({"update_id": 9001, "message": command})
        assert len(scene.rows(Role)) == 1

    async def test_who_holds_what_is_told_by_name_in_a_desk(self, scene: Scene) -> None:
        await become_admin(scene)
        said = words(scene, CHEN, "早", DESK)
        words(scene, LIN, "/role chief", DESK, reply_to=said)
        words(scene, LIN, "/role chief 123456")
        await scene.settle()
        await reported(scene)
        await scene.press(CHEN, DESK, "驳回")
        words(scene, LIN, "/role", DESK)
        await scene.settle()
        assert scene.said(DESK).splitlines() == ["管理员：林", "组长：陈", "另有 1 位不在本群"]
        words(scene, LIN, "/role")
        await scene.settle()
        assert scene.said(LIN).splitlines() == ["管理员：3001", f"组长：{CHEN}", "组长：123456"]

    async def test_a_group_that_is_no_desk_hears_nothing(self, scene: Scene) -> None:
        await become_admin(scene)
        group = scene.world.create_group(LIN, "Teams")
        await scene.settle()
        before = scene.from_bot(group)
        words(scene, LIN, "/role", group)
        await scene.settle()
        assert scene.from_bot(group) == before

    async def test_the_configuration_names_chiefs(self, scene: Scene) -> None:
        named = scene.settings.chats.model_copy(update={"chiefs": (CHEN,)})
        settings = scene.settings.model_copy(update={"chats": named})
        scene.database.run_here(
            lambda session: prepare(session, settings, scene.house, leads=False)
        )
        assert [(row.person_id, row.role) for row in scene.rows(Role)] == [(CHEN, "chief")]

    async def test_a_chief_who_left_the_desk_has_no_power_there(self, scene: Scene) -> None:
        report = await reported(scene)
        policy = scene.settings.policy
        scene.database.run_here(
            lambda session: people.make_chief(session, person_id=CHEN, policy=policy)
        )
        scene.world.remove_member(LIN, DESK, CHEN)
        await scene.settle()
        await forge(scene, CHEN, f"v:a3:{report.id}")
        await forge(scene, CHEN, f"v:x:{report.id}")
        assert (state(scene), forged(scene)) == ("submitted", 2)


async def ban(scene: Scene, who: int, report: Report, days: int = 7) -> None:
    """A chief bans somebody for a report, and they are told."""

    def work(turn: Turn) -> None:
        about = report_rows.get(turn.session, report_id=report.id)
        assert about is not None
        until = sanctions.ban(
            turn.session,
            person_id=who,
            reviewer=CHIEF,
            report=about,
            days=days,
            reason="<b>same photo",
            policy=turn.policy,
        )
        person = people.find(turn.session, person_id=who)
        assert person is not None
        sentences.tell_ban(turn, person, until, "<b>same photo")

    await scene.intake.say(work, origin="test")
    await scene.settle()


class TestBan:
    async def test_the_rider_is_told_until_when_and_why_and_not_by_whom(self, scene: Scene) -> None:
        report = await reported(scene)
        await ban(scene, RIDER, report)
        assert "from you until Dec 1, 09:15: <b>same photo" in scene.said(RIDER)
        assert "points stay" in scene.said(RIDER)
        assert CHIEF.name not in scene.said(RIDER)

    @pytest.mark.parametrize("what", ["photo", "file", "place", "command"])
    async def test_nothing_new_is_begun(self, scene: Scene, what: str) -> None:
        report = await reported(scene)
        await ban(scene, RIDER, report)
        match what:
            case "photo":
                scene.world.send_photos(RIDER, RIDER, [jpeg(7)])
            case "file":
                scene.world.send_document(RIDER, RIDER, jpeg(7), "a.jpg", "image/jpeg")
            case "place":
                scene.world.send_location(RIDER, RIDER, *HERE)
            case "command":
                words(scene, RIDER, "/report")
        await scene.settle()
        assert scene.said(RIDER) == "You can report again from Dec 1, 09:15."
        assert scene.rows(Draft) == []

    @pytest.mark.parametrize("what", ["photo", "place", "words", "voice", "button"])
    async def test_what_was_begun_is_kept_and_goes_on_afterwards(
        self, scene: Scene, what: str
    ) -> None:
        report = await reported(scene)
        scene.world.send_photos(RIDER, RIDER, [jpeg(7)])
        scene.world.send_location(RIDER, RIDER, HERE[0] + 0.003, HERE[1], accuracy=12)
        await scene.settle()
        question = scene.last(RIDER)
        await ban(scene, RIDER, report, days=30)
        match what:
            case "photo":
                scene.world.send_photos(RIDER, RIDER, [jpeg(8)])
            case "place":
                scene.world.send_location(RIDER, RIDER, *HERE)
            case "words":
                words(scene, RIDER, "guardrail")
            case "voice":
                scene.world.send_voice(RIDER, RIDER, b"voice", 3)
            case "button":
                await scene.press(RIDER, RIDER, "guardrail", question)
        await scene.settle()
        refused = "You can report again from Dec 24, 09:15. Your draft is kept."
        assert refused == (scene.toasts()[-1] if what == "button" else scene.said(RIDER))
        assert len(scene.rows(Report)) == 1
        # Neither swept away nor reminded of in the meantime.
        said = len(scene.from_bot(RIDER))
        for _ in range(30):
            clock.advance(timedelta(days=1))
            await scene.sweep()
        assert len(scene.from_bot(RIDER)) == said
        await scene.press(RIDER, RIDER, "guardrail", question)
        assert len(scene.rows(Report)) == 2

    async def test_no_report_is_joined(self, scene: Scene) -> None:
        report = await reported(scene, RIDER_ZH, "护栏")
        scene.world.send_photos(RIDER, RIDER, [jpeg(7)])
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail")
        question = scene.last(RIDER)
        await ban(scene, RIDER, report)
        await scene.press(RIDER, RIDER, "Same one", question)
        await scene.press(RIDER, RIDER, "Different", question)
        assert (scene.rows(Joiner), len(scene.rows(Report))) == ([], 1)

    async def test_a_live_location_that_gets_better_submits_nothing(self, scene: Scene) -> None:
        report = await reported(scene)
        scene.world.send_photos(RIDER, RIDER, [jpeg(7)])
        where = (HERE[0] + 0.003, HERE[1])
        live = scene.world.send_location(RIDER, RIDER, *where, accuracy=900, live_period=900)
        await scene.settle()
        await ban(scene, RIDER, report)
        said = len(scene.from_bot(RIDER))
        scene.world.move_live(RIDER, RIDER, live["message_id"], *where, accuracy=5)
        await scene.settle()
        assert len(scene.from_bot(RIDER)) == said

    async def test_nothing_is_added_but_it_may_be_taken_back(self, scene: Scene) -> None:
        report = await reported(scene)
        receipt = scene.last(RIDER)
        await scene.press(RIDER, RIDER, "Add note", receipt)
        await ban(scene, RIDER, report)
        words(scene, RIDER, "more words")
        await scene.settle()
        assert scene.said(RIDER) == "You can report again from Dec 1, 09:15."
        for label in ("Add note", "Add photo"):
            await scene.press(RIDER, RIDER, label, receipt)
            assert "You can report again" in scene.toasts()[-1]
        [row] = scene.rows(Report)
        assert (row.note, len(scene.rows(ReportPhoto))) == ("", 1)
        await scene.press(RIDER, RIDER, "Withdraw", receipt)
        assert state(scene) == "withdrawn"

    async def test_a_question_is_not_answered(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(LIN, DESK, "问骑手")
        await scene.press(LIN, DESK, "具体在哪")
        assert state(scene) == "asked"
        question = scene.last(RIDER)
        await ban(scene, RIDER, report)
        words(scene, RIDER, "by the school")
        scene.world.send_photos(RIDER, RIDER, [jpeg(7)])
        await scene.settle()
        await scene.press(RIDER, RIDER, "Answer", question)
        assert "You can report again" in scene.toasts()[-1]
        [row] = scene.rows(Report)
        assert (row.state, row.note, len(scene.rows(ReportPhoto))) == ("asked", "", 1)

    async def test_a_rejection_may_be_appealed_all_the_same(self, scene: Scene) -> None:
        report = await reported(scene)
        await scene.press(LIN, DESK, "驳回")
        await scene.press(LIN, DESK, "看不清")
        receipt = scene.last(RIDER)
        await ban(scene, RIDER, report)
        await scene.press(RIDER, RIDER, "bject", receipt)
        words(scene, RIDER, "it is broken")
        await scene.settle()
        assert state(scene) == "appealed"

    async def test_words_at_the_desk_are_not_edited(self, scene: Scene) -> None:
        scene.world.send_photos(RIDER, RIDER, [jpeg(1)])
        scene.world.send_location(RIDER, RIDER, *HERE, accuracy=12)
        said = words(scene, RIDER, "both sides")
        await scene.settle()
        await scene.press(RIDER, RIDER, "guardrail", scene.from_bot(RIDER)[-2])
        [report] = scene.rows(Report)
        await ban(scene, RIDER, report)
        scene.world.edit(RIDER, RIDER, said, text="something rude")
        await scene.settle()
        assert [row.note for row in scene.rows(Report)] == ["both sides"]

    async def test_everything_else_works(self, scene: Scene) -> None:
        report = await reported(scene)
        await ban(scene, RIDER, report)
        for text, answer in (("/points", "0 points"), ("/myreports", "#"), ("/help", "📷")):
            words(scene, RIDER, text)
            await scene.settle()
            assert answer in scene.said(RIDER)

    async def test_in_their_language(self, scene: Scene) -> None:
        report = await reported(scene, RIDER_ZH, "护栏")
        await ban(scene, RIDER_ZH, report)
        assert scene.said(RIDER_ZH).startswith("12 月 1 日 09:15 前暂时不收你的上报")
        words(scene, RIDER_ZH, "/report")
        await scene.settle()
        assert scene.said(RIDER_ZH) == "暂时不收你的上报，12 月 1 日 09:15 起可以继续。"

    async def test_a_ban_that_is_lifted_is_over(self, scene: Scene) -> None:
        report = await reported(scene)
        await ban(scene, RIDER, report)

        def lift(turn: Turn) -> None:
            sanctions.lift(
                turn.session, person_id=RIDER, reviewer=CHIEF, report=None, reason="mistaken"
            )
            person = people.find(turn.session, person_id=RIDER)
            assert person is not None
            sentences.tell_lifted(turn, person)

        await scene.intake.say(lift, origin="test")
        await scene.settle()
        assert "You can report again" in scene.said(RIDER)
        words(scene, RIDER, "/report")
        await scene.settle()
        assert "You can" not in scene.said(RIDER)
        [person] = [row for row in scene.rows(Person) if row.id == RIDER]
        assert person.banned_until is None

    async def test_a_warning_is_told_plainly(self, scene: Scene) -> None:
        await reported(scene)

        def warn(turn: Turn) -> None:
            person = people.find(turn.session, person_id=RIDER)
            assert person is not None
            sentences.tell_warning(turn, person, 7, "one & only")

        await scene.intake.say(warn, origin="test")
        await scene.settle()
        assert "mind this, about #7: one & only" in scene.said(RIDER)
        assert "points stay" in scene.said(RIDER)
