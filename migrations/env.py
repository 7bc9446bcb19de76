"""How Alembic runs here: on the engine it is handed, never on a URL of its own."""

from alembic import context
from sqlalchemy import text

from models import Base

config = context.config
connection = config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
    # SQLite cannot alter a column; Alembic copies the table instead.
    render_as_batch=True,
    transaction_per_migration=True,
    # Here it is, also on SQLite: bot.database begins its transactions itself.
    transactional_ddl=True,
)
if connection.dialect.name == "postgresql":
    # The version before goes on meanwhile. A change that waits for a table holds up everybody who
    # comes after it, so it gives up soon (bot/schema.py tries again); nor may one work for long.
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.execute(text("SET statement_timeout = '60s'"))
    connection.commit()
with context.begin_transaction():
    context.run_migrations()
