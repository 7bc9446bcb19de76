"""What points and rewards need: shops, items, vouchers, the month's budget, points that wait.

Columns and tables are added, none is taken away or made compulsory: a process of the version before
works on beside it until the first voucher, whose messages and errands it does not know.
"""

import sqlalchemy as sa
from alembic import op

# As they were when this was written; models may change, a migration does not.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

APPEND_ONLY = "voucher_event"

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "monthly_budget",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("paid", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month", name=op.f("pk_monthly_budget")),
    )
    op.create_table(
        "shop",
        sa.Column("id", BIG, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name_zh", sa.String(length=64), nullable=False),
        sa.Column("name_en", sa.String(length=64), nullable=False),
        sa.Column("address_zh", sa.String(length=128), nullable=False),
        sa.Column("address_en", sa.String(length=128), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("wrong_since", MOMENT, nullable=True),
        sa.Column("wrong_count", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop")),
        sa.UniqueConstraint("code", name=op.f("uq_shop_code")),
    )
    op.create_table(
        "shop_staff",
        sa.Column("shop_id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_staff_shop_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_shop_staff_person_id")),
        sa.PrimaryKeyConstraint("shop_id", "person_id", name=op.f("pk_shop_staff")),
    )
    op.create_index("ix_shop_staff_person_id", "shop_staff", ["person_id"])
    op.create_table(
        "shop_invite",
        sa.Column("id", BIG, nullable=False),
        sa.Column("shop_id", BIG, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", BIG, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_by", BIG, nullable=True),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_invite_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_invite")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_shop_invite_token_hash")),
    )
    op.create_index("ix_shop_invite_shop_id", "shop_invite", ["shop_id"])
    op.create_table(
        "shop_statement",
        sa.Column("shop_id", BIG, nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_statement_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", "period", name=op.f("pk_shop_statement")),
    )
    op.create_table(
        "item",
        sa.Column("id", BIG, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("shop_id", BIG, nullable=False),
        sa.Column("title_zh", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=64), nullable=False),
        sa.Column("text_zh", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column("photo_id", BIG, nullable=True),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("per_person", sa.Integer(), nullable=True),
        sa.Column("valid_days", sa.SmallInteger(), nullable=False),
        sa.Column("offered_from", MOMENT, nullable=True),
        sa.Column("offered_until", MOMENT, nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_item_shop_id")),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_item_photo_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("code", name=op.f("uq_item_code")),
        # Whatever a process believes, nothing is handed out that is not there.
        sa.CheckConstraint("stock IS NULL OR stock >= 0", name=op.f("ck_item_stock")),
    )
    op.create_index("ix_item_shop_id", "item", ["shop_id"])
    op.create_table(
        "voucher",
        sa.Column("id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("item_id", BIG, nullable=False),
        sa.Column("shop_id", BIG, nullable=False),
        sa.Column("title_zh", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=64), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("used_by", BIG, nullable=True),
        sa.Column("message_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_voucher_person_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_voucher_item_id")),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_voucher_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("person_id", "number", name=op.f("uq_voucher_person_id_number")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_voucher_token_hash")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_voucher_code_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voucher_person_id_state", "voucher", ["person_id", "state", "cost"])
    op.create_index("ix_voucher_shop_id_state_used_at", "voucher", ["shop_id", "state", "used_at"])
    op.create_index("ix_voucher_state_expires_at", "voucher", ["state", "expires_at"])
    op.create_index("ix_voucher_item_id_person_id", "voucher", ["item_id", "person_id"])
    op.create_table(
        "voucher_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("voucher_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", BIG, nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["voucher_id"], ["voucher.id"], name=op.f("fk_voucher_event_voucher_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_event")),
    )
    op.create_index("ix_voucher_event_voucher_id_id", "voucher_event", ["voucher_id", "id"])
    _refuse_changes(APPEND_ONLY)
    # Adding columns one by one, in place: a copy of a table, as batch mode makes, would lock it.
    op.add_column("ledger_transaction", sa.Column("voucher_id", BIG, nullable=True))
    op.create_index(op.f("ix_ledger_transaction_voucher_id"), "ledger_transaction", ["voucher_id"])
    op.add_column("ledger_entry", sa.Column("day", sa.Date(), nullable=True))
    op.add_column("ledger_entry", sa.Column("available_at", MOMENT, nullable=True))
    op.create_index(
        "ix_ledger_entry_sums", "ledger_entry", ["account_id", "day", "available_at", "points"]
    )


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
    op.drop_index("ix_ledger_entry_sums", "ledger_entry")
    op.drop_column("ledger_entry", "available_at")
    op.drop_column("ledger_entry", "day")
    op.drop_index(op.f("ix_ledger_transaction_voucher_id"), "ledger_transaction")
    op.drop_column("ledger_transaction", "voucher_id")
    for table in (
        "voucher_event",
        "voucher",
        "item",
        "shop_statement",
        "shop_invite",
        "shop_staff",
        "shop",
        "monthly_budget",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute(f"DROP FUNCTION {APPEND_ONLY}_no_change()")
