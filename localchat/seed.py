"""The world a newcomer meets: a bot, a few people, and the desk where reports are reviewed."""

from localchat.json_types import Json
from localchat.world import World

# Opens nothing but the chat of this machine, so it may be read by everybody.
TOKEN = "10000:local-street-sentinel"  # noqa: S105
BOT: Json = {
    "id": 10000,
    "is_bot": True,
    "first_name": "流动哨兵 Street Sentinel",
    "username": "street_sentinel_bot",
}
MODERATORS_CHAT_ID = -1001000000001
MODERATORS_TITLE = "街道隐患审核 · Review desk"

RIDER = 2001
ENGLISH_RIDER = 2002
LIN = 3001
CHEN = 3002
RESIDENT = 4001
SHOPKEEPER = 5001

_PEOPLE: tuple[tuple[Json, str, dict[str, str]], ...] = (
    (
        {"id": RIDER, "first_name": "小海", "last_name": "吴", "language_code": "zh-hans"},
        "rider",
        {
            "en": "Delivers lunch in Shanyao; sees every broken guardrail first.",
            "zh": "在山腰送外卖，哪段护栏断了他最先看到。",
        },
    ),
    (
        {"id": ENGLISH_RIDER, "first_name": "Mei", "last_name": "Zhou", "language_code": "en"},
        "rider",
        {
            "en": "Rides parcels around Quangang; her phone speaks English.",
            "zh": "在泉港送快递，手机用英文。",
        },
    ),
    (
        {"id": LIN, "first_name": "林", "last_name": "审核", "language_code": "zh-hans"},
        "reviewer",
        {
            "en": "Reviews at the desk, mornings.",
            "zh": "上午在审核群值班。",
        },
    ),
    (
        {"id": CHEN, "first_name": "陈", "last_name": "审核", "language_code": "zh-hans"},
        "reviewer",
        {
            "en": "Reviews at the desk, afternoons.",
            "zh": "下午在审核群值班。",
        },
    ),
    (
        {"id": RESIDENT, "first_name": "阿芳", "last_name": "庄", "language_code": "zh-hans"},
        "resident",
        {
            "en": "Lives near Yongjia Road; wants to know what changed in her street.",
            "zh": "住在永嘉路边，想知道家门口的路修好没有。",
        },
    ),
    (
        {"id": SHOPKEEPER, "first_name": "阿忠", "last_name": "郑", "language_code": "zh-hans"},
        "shop",
        {
            "en": "Runs a noodle shop; hands out soup for points.",
            "zh": "开面馆，骑手拿积分来换汤面。",
        },
    ),
)


def seed(world: World) -> World:
    """Put everybody in their place; who and what is there already stays as it is.

    Args:
        world: a new world, or one a journal brought back.

    Returns:
        The same world.
    """
    for user, role, about in _PEOPLE:
        if user["id"] not in world.people:
            world.add_person(user, role=role, about=about)
    if not world.has_chat(MODERATORS_CHAT_ID):
        world.create_group(
            LIN,
            MODERATORS_TITLE,
            [CHEN],
            supergroup=True,
            bot="administrator",
            chat_id=MODERATORS_CHAT_ID,
            quiet=True,
        )
    return world


def seeded_world() -> World:
    """A fresh world in memory, seeded."""
    return seed(World(token=TOKEN, bot=BOT))
