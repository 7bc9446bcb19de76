"""Who is who in the local world's seed."""

from localchat import seed

RIDER_ZH = seed.RIDER
RIDER = seed.ENGLISH_RIDER
LIN = seed.LIN
CHEN = seed.CHEN
RESIDENT = seed.RESIDENT
SHOPKEEPER = seed.SHOPKEEPER
DESK = seed.MODERATORS_CHAT_ID
