"""What the review desk needs: claims, votes, questions, appeals, duplicates, sanctions, budgets.

Columns and tables are added, none is taken away or made compulsory: a process of the version before
works on beside it.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

# As they were when this was written; models may change, a migration does not.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = "sanction"

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _new_columns() -> tuple[tuple[str, tuple[sa.Column[Any], ...]], ...]:
    return (
        (
            "report",
            (
                sa.Column("decided_from", sa.String(length=16), nullable=True),
                sa.Column("drawn", sa.Boolean(), nullable=False, server_default=sa.false()),
                sa.Column("claimed_by", BIG, nullable=True),
                sa.Column("claimed_by_name", sa.String(length=128), nullable=True),
                sa.Column("claimed_until", MOMENT, nullable=True),
                sa.Column("question", sa.Text(), nullable=True),
                sa.Column("asked_at", MOMENT, nullable=True),
                sa.Column("held_because", sa.Text(), nullable=True),
                sa.Column("appeal", sa.Text(), nullable=True),
                sa.Column("appealed_at", MOMENT, nullable=True),
                sa.Column("appealed_against", BIG, nullable=True),
                sa.Column("duplicate_of", BIG, nullable=True),
                sa.Column("merged_into", BIG, nullable=True),
            ),
        ),
        ("joiner", (sa.Column("merged_from", BIG, nullable=True),)),
        ("person", (sa.Column("banned_until", MOMENT, nullable=True),)),
        (
            "chat",
            (
                sa.Column("districts", sa.JSON(), nullable=True),
                sa.Column("topics", sa.JSON(), nullable=True),
                sa.Column("board_message_id", BIG, nullable=True),
                sa.Column("board_text", sa.Text(), nullable=True),
                sa.Column("board_due", MOMENT, nullable=True),
                sa.Column("behind", sa.Boolean(), nullable=False, server_default=sa.false()),
            ),
        ),
    )


INDEXES = (
    ("ix_report_duplicate_of", "report", ["duplicate_of"]),
    ("ix_report_claimed_until", "report", ["claimed_until"]),
    ("ix_report_district_state_created_at", "report", ["district", "state", "created_at"]),
    ("ix_photo_dhash", "photo", ["dhash"]),
    ("ix_ledger_transaction_report_id", "ledger_transaction", ["report_id"]),
)


def upgrade() -> None:
    op.create_table(
        "vote",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("reviewer_id", BIG, nullable=False),
        sa.Column("reviewer_name", sa.String(length=128), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("grade", sa.SmallInteger(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_vote_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote")),
        sa.UniqueConstraint("report_id", "reviewer_id", name=op.f("uq_vote_report_id_reviewer_id")),
    )
    op.create_table(
        "sanction",
        sa.Column("id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("report_id", BIG, nullable=True),
        sa.Column("by_id", BIG, nullable=False),
        sa.Column("by_name", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sanction_person_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_sanction_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sanction")),
    )
    op.create_index("ix_sanction_person_id_id", "sanction", ["person_id", "id"])
    _refuse_changes(APPEND_ONLY)
    op.create_table(
        "chat_budget",
        sa.Column("chat_id", BIG, autoincrement=False, nullable=False),
        sa.Column("spent", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_chat_budget")),
    )
    op.create_table(
        "prompt",
        sa.Column("chat_id", BIG, autoincrement=False, nullable=False),
        sa.Column("person_id", BIG, autoincrement=False, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_prompt_report_id")),
        sa.PrimaryKeyConstraint("chat_id", "person_id", name=op.f("pk_prompt")),
    )
    # Adding columns one by one, in place: a copy of a table, as batch mode makes, would lock it.
    for table, columns in _new_columns():
        for column in columns:
            op.add_column(table, column)
    for name, table, on in INDEXES:
        op.create_index(name, table, on)


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} rows are never changed'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_no_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} rows are never changed'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_no_change()"
    )


def downgrade() -> None:
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table)
    for table, columns in reversed(_new_columns()):
        for column in reversed(columns):
            op.drop_column(table, column.name)
    op.drop_table("prompt")
    op.drop_table("chat_budget")
    op.drop_table("sanction")
    op.drop_table("vote")
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"DROP FUNCTION {APPEND_ONLY}_no_change()")
