"""The first tables."""

import sqlalchemy as sa
from alembic import op

# As they were when this was written; models may change, a migration does not.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

# What happened stays as it was written down: the database itself refuses anything else.
APPEND_ONLY = ("report_event", "ledger_transaction", "ledger_entry")


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("owner_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("kind", "owner_id", name=op.f("uq_account_kind_owner_id")),
    )
    op.create_table(
        "alarm",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("rang_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alarm")),
    )
    op.create_table(
        "chat",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("bot_status", sa.String(length=16), nullable=True),
        sa.Column("migrated_to", BIG, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat")),
    )
    op.create_table(
        "chat_pause",
        sa.Column("chat_id", BIG, autoincrement=False, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_chat_pause")),
    )
    op.create_table(
        "conversation",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("chat_id", BIG, autoincrement=False, nullable=False),
        sa.Column("person_id", BIG, autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("subject_id", BIG, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "chat_id", "person_id", name=op.f("pk_conversation")),
    )
    op.create_table(
        "errand",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_errand")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("errand", schema=None) as batch_op:
        batch_op.create_index("ix_errand_not_before", ["not_before"], unique=False)

    op.create_table(
        "failed_update",
        sa.Column("update_id", BIG, autoincrement=False, nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("first_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.Column("set_aside_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("update_id", name=op.f("pk_failed_update")),
    )
    op.create_table(
        "membership",
        sa.Column("chat_id", BIG, autoincrement=False, nullable=False),
        sa.Column("person_id", BIG, autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("chat_id", "person_id", name=op.f("pk_membership")),
    )
    op.create_table(
        "person",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("language_chosen", sa.Boolean(), nullable=False),
        sa.Column("bird", sa.SmallInteger(), nullable=False),
        sa.Column("bird_number", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("unreachable_since", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("bird", "bird_number", name=op.f("uq_person_bird_bird_number")),
    )
    op.create_table(
        "photo",
        sa.Column("id", BIG, nullable=False),
        sa.Column("owner_id", BIG, nullable=False),
        sa.Column("file_id", sa.String(length=255), nullable=False),
        sa.Column("file_unique_id", sa.String(length=64), nullable=False),
        sa.Column("as_file", sa.Boolean(), nullable=False),
        sa.Column("forwarded", sa.Boolean(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("refusal", sa.String(length=32), nullable=True),
        sa.Column("preview_file_id", sa.String(length=255), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("dhash", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("taken_at", MOMENT, nullable=True),
        sa.Column("exif_latitude", sa.Double(), nullable=True),
        sa.Column("exif_longitude", sa.Double(), nullable=True),
        sa.Column("exif_fault", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photo")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.create_index("ix_photo_file_unique_id", ["file_unique_id"], unique=False)
        batch_op.create_index("ix_photo_sha256", ["sha256"], unique=False)

    op.create_table(
        "seen_update",
        sa.Column("update_id", BIG, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("update_id", name=op.f("pk_seen_update")),
    )
    with op.batch_alter_table("seen_update", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seen_update_at"), ["at"], unique=False)

    op.create_table(
        "setup_code",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_setup_code")),
    )
    op.create_table(
        "draft",
        sa.Column("id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("note_parts", sa.JSON(), nullable=False),
        sa.Column("voice_file_id", sa.String(length=255), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("place_source", sa.String(length=16), nullable=True),
        sa.Column("place_confirmed", sa.Boolean(), nullable=False),
        sa.Column("live_message_id", BIG, nullable=True),
        sa.Column("district", sa.String(length=64), nullable=True),
        sa.Column("category", sa.String(length=32), nullable=True),
        sa.Column("different", sa.Boolean(), nullable=False),
        sa.Column("media_group_id", sa.String(length=64), nullable=True),
        sa.Column("surplus_told", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("touched_at", MOMENT, nullable=False),
        sa.Column("reminded_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_draft_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
        sa.UniqueConstraint("person_id", name=op.f("uq_draft_person_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_draft_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_draft_touched_at"), ["touched_at"], unique=False)

    op.create_table(
        "report",
        sa.Column("id", BIG, nullable=False),
        sa.Column("reporter_id", BIG, nullable=False),
        sa.Column("draft_id", BIG, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("category_name_zh", sa.String(length=64), nullable=False),
        sa.Column("category_name_en", sa.String(length=64), nullable=False),
        sa.Column("category_emoji", sa.String(length=16), nullable=False),
        sa.Column("danger", sa.Boolean(), nullable=False),
        sa.Column("deadline_hours", sa.Integer(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("place_source", sa.String(length=16), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("place_name_zh", sa.String(length=128), nullable=False),
        sa.Column("place_name_en", sa.String(length=128), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("note_parts", sa.JSON(), nullable=False),
        sa.Column("voice_file_id", sa.String(length=255), nullable=True),
        sa.Column("media_group_id", sa.String(length=64), nullable=True),
        sa.Column("surplus_told", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("grade", sa.SmallInteger(), nullable=True),
        sa.Column("reject_reason", sa.String(length=32), nullable=True),
        sa.Column("reason_text_zh", sa.Text(), nullable=True),
        sa.Column("reason_text_en", sa.Text(), nullable=True),
        sa.Column("points", sa.Integer(), nullable=True),
        sa.Column("decided_by", BIG, nullable=True),
        sa.Column("decided_by_name", sa.String(length=128), nullable=True),
        sa.ForeignKeyConstraint(["reporter_id"], ["person.id"], name=op.f("fk_report_reporter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(
            "ix_report_cell_category_created_at", ["cell", "category", "created_at"], unique=False
        )
        batch_op.create_index("ix_report_decided_at", ["decided_at"], unique=False)
        batch_op.create_index(
            "ix_report_reporter_id_created_at", ["reporter_id", "created_at"], unique=False
        )
        batch_op.create_index("ix_report_state_created_at", ["state", "created_at"], unique=False)

    op.create_table(
        "role",
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_role_person_id")),
        sa.PrimaryKeyConstraint("person_id", "role", name=op.f("pk_role")),
    )
    op.create_table(
        "card",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("chat_id", BIG, nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("message_id", BIG, nullable=True),
        sa.Column("has_photo", sa.Boolean(), nullable=False),
        sa.Column("has_album", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_card_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
        sa.UniqueConstraint(
            "report_id", "chat_id", "purpose", name=op.f("uq_card_report_id_chat_id_purpose")
        ),
    )
    op.create_index("ix_card_chat_id_message_id", "card", ["chat_id", "message_id"])
    op.create_table(
        "draft_photo",
        sa.Column("draft_id", BIG, nullable=False),
        sa.Column("photo_id", BIG, nullable=False),
        sa.Column("file_unique_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["draft.id"], name=op.f("fk_draft_photo_draft_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_draft_photo_photo_id")),
        sa.PrimaryKeyConstraint("draft_id", "photo_id", name=op.f("pk_draft_photo")),
        sa.UniqueConstraint(
            "draft_id", "file_unique_id", name=op.f("uq_draft_photo_draft_id_file_unique_id")
        ),
    )
    op.create_table(
        "joiner",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("joined_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_joiner_person_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_joiner_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_joiner")),
        sa.UniqueConstraint("report_id", "person_id", name=op.f("uq_joiner_report_id_person_id")),
    )
    with op.batch_alter_table("joiner", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_joiner_person_id"), ["person_id"], unique=False)

    op.create_table(
        "ledger_transaction",
        sa.Column("id", BIG, nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("report_id", BIG, nullable=True),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_ledger_transaction_report_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_transaction")),
        sa.UniqueConstraint("rule", "subject", name=op.f("uq_ledger_transaction_rule_subject")),
    )
    op.create_table(
        "report_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", BIG, nullable=True),
        sa.Column("actor_role", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_report_event_report_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_event")),
    )
    with op.batch_alter_table("report_event", schema=None) as batch_op:
        batch_op.create_index("ix_report_event_report_id_id", ["report_id", "id"], unique=False)

    op.create_table(
        "report_photo",
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("photo_id", BIG, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["photo_id"], ["photo.id"], name=op.f("fk_report_photo_photo_id")),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report.id"], name=op.f("fk_report_photo_report_id")
        ),
        sa.PrimaryKeyConstraint("report_id", "photo_id", name=op.f("pk_report_photo")),
    )
    with op.batch_alter_table("report_photo", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_photo_photo_id"), ["photo_id"], unique=False)

    op.create_table(
        "ledger_entry",
        sa.Column("id", BIG, nullable=False),
        sa.Column("transaction_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_ledger_entry_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["ledger_transaction.id"],
            name=op.f("fk_ledger_entry_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entry_account_id_id", ["account_id", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ledger_entry_transaction_id"), ["transaction_id"], unique=False
        )

    op.create_table(
        "outgoing",
        sa.Column("id", BIG, nullable=False),
        sa.Column("chat_id", BIG, nullable=False),
        sa.Column("method", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("card_id", BIG, nullable=True),
        sa.Column("guarantee", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_outgoing_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outgoing", schema=None) as batch_op:
        batch_op.create_index("ix_outgoing_chat_id_id", ["chat_id", "id"], unique=False)
        batch_op.create_index("ix_outgoing_state_id", ["state", "id"], unique=False)

    for table in APPEND_ONLY:
        _refuse_changes(table)


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
    with op.batch_alter_table("outgoing", schema=None) as batch_op:
        batch_op.drop_index("ix_outgoing_state_id")
        batch_op.drop_index("ix_outgoing_chat_id_id")

    op.drop_table("outgoing")
    with op.batch_alter_table("ledger_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_entry_transaction_id"))
        batch_op.drop_index("ix_ledger_entry_account_id_id")

    op.drop_table("ledger_entry")
    with op.batch_alter_table("report_photo", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_report_photo_photo_id"))

    op.drop_table("report_photo")
    with op.batch_alter_table("report_event", schema=None) as batch_op:
        batch_op.drop_index("ix_report_event_report_id_id")

    op.drop_table("report_event")
    op.drop_table("ledger_transaction")
    with op.batch_alter_table("joiner", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_joiner_person_id"))

    op.drop_table("joiner")
    op.drop_table("draft_photo")
    op.drop_table("card")
    op.drop_table("role")
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.drop_index("ix_report_state_created_at")
        batch_op.drop_index("ix_report_reporter_id_created_at")
        batch_op.drop_index("ix_report_decided_at")
        batch_op.drop_index("ix_report_cell_category_created_at")

    op.drop_table("report")
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_draft_touched_at"))
        batch_op.drop_index(batch_op.f("ix_draft_expires_at"))

    op.drop_table("draft")
    op.drop_table("setup_code")
    with op.batch_alter_table("seen_update", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seen_update_at"))

    op.drop_table("seen_update")
    with op.batch_alter_table("photo", schema=None) as batch_op:
        batch_op.drop_index("ix_photo_sha256")
        batch_op.drop_index("ix_photo_file_unique_id")

    op.drop_table("photo")
    op.drop_table("person")
    op.drop_table("membership")
    op.drop_table("failed_update")
    with op.batch_alter_table("errand", schema=None) as batch_op:
        batch_op.drop_index("ix_errand_not_before")

    op.drop_table("errand")
    op.drop_table("conversation")
    op.drop_table("chat_pause")
    op.drop_table("chat")
    op.drop_table("alarm")
    op.drop_table("account")
    if op.get_bind().dialect.name != "sqlite":
        for table in APPEND_ONLY:
            op.execute(f"DROP FUNCTION {table}_no_change()")
