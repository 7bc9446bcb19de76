"""The tables and the words of the domain. Imports nothing of ours."""

from models.base import Base
from models.cards import Card
from models.chats import Chat, ChatBudget, ChatPause, Membership, Prompt
from models.conversations import Conversation
from models.drafts import Draft, DraftPhoto
from models.errands import Errand
from models.ledger import Account, LedgerEntry, LedgerTransaction, MonthlyBudget
from models.outgoing import Outgoing, Pace
from models.people import Attempt, Person, Role, Sanction, SetupCode
from models.photos import Photo
from models.reports import Joiner, Report, ReportEvent, ReportPhoto, Vote
from models.rewards import Item, Shop, ShopInvite, ShopStaff, ShopStatement, Voucher, VoucherEvent
from models.updates import Alarm, FailedUpdate, JobRun, SeenUpdate

__all__ = [
    "Account",
    "Alarm",
    "Attempt",
    "Base",
    "Card",
    "Chat",
    "ChatBudget",
    "ChatPause",
    "Conversation",
    "Draft",
    "DraftPhoto",
    "Errand",
    "FailedUpdate",
    "Item",
    "JobRun",
    "Joiner",
    "LedgerEntry",
    "LedgerTransaction",
    "Membership",
    "MonthlyBudget",
    "Outgoing",
    "Pace",
    "Person",
    "Photo",
    "Prompt",
    "Report",
    "ReportEvent",
    "ReportPhoto",
    "Role",
    "Sanction",
    "SeenUpdate",
    "SetupCode",
    "Shop",
    "ShopInvite",
    "ShopStaff",
    "ShopStatement",
    "Vote",
    "Voucher",
    "VoucherEvent",
]
