"""Whatever a call holds, it is answered in Telegram's frame."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localchat.seed import BOT, MODERATORS_CHAT_ID, RIDER, TOKEN, seed
from localchat.world import World
from tests.localchat.contract import check_envelope

NAMES = [
    *("chat_id", "text", "message_id", "photo", "media", "reply_markup", "reply_parameters"),
    *("entities", "caption", "commands", "scope", "reaction", "message_ids", "latitude"),
    *("longitude", "offset", "limit", "allowed_updates", "url", "user_id", "message_thread_id"),
    *("callback_query_id", "parse_mode", "name", "action", "file_id", "from_chat_id"),
]
WORDS = [
    "inline_keyboard",
    "keyboard",
    "text",
    "callback_data",
    "style",
    "copy_text",
    "type",
    "url",
]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([RIDER, MODERATORS_CHAT_ID, 1, "HTML", "photo", "--1", "[", "{}"])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*WORDS, *NAMES]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(sorted(World._methods)),
    st.dictionaries(st.sampled_from(NAMES), values, max_size=6),
)
def test_any_call_is_answered(method, params):
    world = seed(World(token=TOKEN, bot=BOT))
    world.say(RIDER, RIDER, "/start")
    world.call(TOKEN, "sendMessage", {"chat_id": RIDER, "text": "x"})
    params.setdefault("chat_id", RIDER)
    check_envelope(world.call(TOKEN, method, params))
