"""What many processes need to share: who sends what, the pace of bulk, a person's token bucket.

Columns are added, none is taken away or made compulsory: a process of the version before works on
beside it, and on what it wrote.
"""

import sqlalchemy as sa
from alembic import op

# As they were when this was written; models may change, a migration does not.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_run",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("succeeded_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_run")),
    )
    op.create_table(
        "pace",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )
    op.create_table(
        "attempt",
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("count", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_attempt_person_id")),
        sa.PrimaryKeyConstraint("person_id", "kind", name=op.f("pk_attempt")),
    )
    # Adding columns one by one, in place: a copy of a table, as batch mode makes, would lock it.
    for column in (
        sa.Column("bulk", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("lane", BIG, nullable=True),
        sa.Column("holder", BIG, nullable=True),
        sa.Column("origin", sa.String(length=40), nullable=True),
    ):
        op.add_column("outgoing", column)
    op.create_index("ix_outgoing_state_bulk_id", "outgoing", ["state", "bulk", "id"])
    op.create_index(
        "ix_outgoing_chat_id_state_bulk_id", "outgoing", ["chat_id", "state", "bulk", "id"]
    )
    # They begin alike, so the version before finds its way by them as well.
    op.drop_index("ix_outgoing_state_id", "outgoing")
    op.drop_index("ix_outgoing_chat_id_id", "outgoing")
    # One row of a chat on its way at a time: whoever would be second is refused.
    op.create_index("uq_outgoing_lane", "outgoing", ["lane"], unique=True)
    for column in (
        sa.Column("holder", BIG, nullable=True),
        sa.Column("origin", sa.String(length=40), nullable=True),
    ):
        op.add_column("errand", column)
    for moment in ("bucket_full_at", "flood_told_at"):
        op.add_column("person", sa.Column(moment, MOMENT, nullable=True))


def downgrade() -> None:
    op.drop_index("uq_outgoing_lane", "outgoing")
    op.create_index("ix_outgoing_chat_id_id", "outgoing", ["chat_id", "id"])
    op.create_index("ix_outgoing_state_id", "outgoing", ["state", "id"])
    op.drop_index("ix_outgoing_chat_id_state_bulk_id", "outgoing")
    op.drop_index("ix_outgoing_state_bulk_id", "outgoing")
    for table, columns in (
        ("person", ("flood_told_at", "bucket_full_at")),
        ("errand", ("origin", "holder")),
        ("outgoing", ("origin", "holder", "lane", "bulk")),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("attempt")
    op.drop_table("pace")
    op.drop_table("job_run")
