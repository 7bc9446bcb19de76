"""Bringing a catalogue file in: its pictures first, then its rows in one transaction."""

from bot import advisory, database
from bot.application import store_of
from bot.settings import Settings
from services import catalogue_import
from services.catalogue_file import CatalogueFile
from services.catalogue_import import Difference


def bring_in(settings: Settings, wanted: CatalogueFile, *, restock: bool) -> Difference:
    """Make the catalogue what a file says.

    Args:
        settings: where the database and the photos are; the database is at its newest.
        wanted: the file, read and found without fault.
        restock: whether the stock of items that are there already is set as well.

    Returns:
        What was changed.

    Raises:
        StoreUnusable: photos cannot be kept where the settings say.
        StoreAway: the store of photos cannot be reached.
        StoreFull: there is no room for the pictures.
        SQLAlchemyError: the database cannot be used.
    """
    db = database.Database(database.create(settings.database_url))
    try:
        # From the putting of a file until its row is there, nobody may delete it. On SQLite,
        # where nothing is held, the next import puts it back.
        with advisory.held(db.engine, advisory.SHELVING, shared=True):
            store = store_of(settings)
            for picture in wanted.pictures.values():
                found = picture.found
                store.put(found.sha256, picture.file.read_bytes(), found.preview, found.suffix)
            return db.run_here(
                lambda session: catalogue_import.bring_in(
                    session, wanted=wanted, restock=restock, policy=settings.policy
                )
            )
    finally:
        db.close()
