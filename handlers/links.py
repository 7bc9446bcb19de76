"""Deep links: what /start carries, told apart by how it begins.

i_…   an invitation of a shop; who follows it first becomes its staff
at_…  a street spot, from the code on a poster
v_…   a voucher, from the QR code on its rider's screen
r_…   a shop where points are welcome, from the code on its poster: what they get you, there first
"""

from telegram import Update

from handlers import counter, report, rewards, shop
from handlers.context import Turn
from services import shops, spots, voucher_codes

# How the payload of a shop's poster begins.
SHOP_POSTER = "r"


def follow(update: Update, turn: Turn, payload: str) -> bool:
    """Do what a link stands for.

    Args:
        update: the /start it came with.
        turn: the transaction.
        payload: what the link carries.

    Returns:
        False if it is no link of ours: nothing was done.
    """
    user = update.effective_user
    kind, _, rest = payload.partition("_")
    match kind:
        case shop.INVITE if user is not None:
            shop.join(turn, token=rest, name=user.full_name)
        case spots.PREFIX:
            report.begin_at(turn, spots.read(rest))
        case _ if payload.startswith(voucher_codes.LINK_PREFIX):
            counter.opened(turn, payload.removeprefix(voucher_codes.LINK_PREFIX))
        case kind if kind == SHOP_POSTER:
            return _welcome_at(turn, rest)
        case _:
            return False
    return True


def _welcome_at(turn: Turn, code: str) -> bool:
    where = shops.by_code(turn.session, code=code)
    if where is None:
        return False
    rewards.show_at(turn, where)
    return True
