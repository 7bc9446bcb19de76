"""services/catalogue*.py and bot/commands/catalogue.py: a file becomes what riders redeem for."""

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from typer.testing import CliRunner

from bot.__main__ import app
from models import Item, Photo, clock
from services import catalogue, catalogue_file, photos
from services import catalogue_import as importing
from services.catalogue_file import FaultyFile
from services.catalogue_import import Kind
from services.photo_store import FolderStore
from services.refusals import OutOfDate
from tests.pictures import jpeg

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "rewards" / "example.yaml"
SHOPS = """\
shops:
  - code: tea
    name_zh: 茶店
    name_en: Tea
    latitude: 25.1184
    longitude: 118.9047
  - code: far
    name_zh: 远店
    name_en: Far
    latitude: 25.2
    longitude: 118.9
  - code: nowhere
    name_zh: 店
    name_en: Nowhere
"""
ITEM = {
    "code": "cup",
    "shop": "tea",
    "title_zh": "一杯",
    "title_en": "A cup",
    "cost": "30",
    "stock": "12",
}
runner = CliRunner()


def item(**told) -> dict[str, str]:
    return {name: value for name, value in (ITEM | told).items() if value is not None}


def written(folder: Path, *items: dict[str, str], shops: str = SHOPS) -> Path:
    """A yaml file of some items."""
    rows = [
        "\n".join(
            f"  {'-' if number == 0 else ' '} {name}: {value}"
            for number, (name, value) in enumerate(one.items())
        )
        for one in items
    ]
    file = folder / "catalogue.yaml"
    file.write_text(shops + "items:\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def faults(file: Path) -> list[str]:
    with pytest.raises(FaultyFile) as raised:
        catalogue_file.read(file)
    return [str(fault) for fault in raised.value.faults]


class TestReading:
    def test_the_example_is_good(self):
        found = catalogue_file.read(EXAMPLE)
        assert [len(found.shops), len(found.items), len(found.pictures)] == [3, 6, 6]

    @pytest.mark.parametrize(
        ("told", "line", "fault"),
        [
            ({"cost": "-5"}, 20, "item cup: cost: must be at least 1"),
            ({"cost": "0"}, 20, "item cup: cost: must be at least 1"),
            ({"cost": "1000000"}, 20, "item cup: cost: must be at most 100000"),
            ({"cost": "3.5"}, 20, "item cup: cost: must be a whole number"),
            ({"cost": "yes"}, 20, "item cup: cost: must be a number"),
            ({"cost": None}, 16, "item cup: cost: missing"),
            ({"cost": "[1, 2]"}, 20, "item 1: cost: no usable value"),
            ({"cost": "9" * 5000}, 20, "item 1: cost: no usable value"),
            ({"stock": "-1"}, 21, "item cup: stock: must be between 0 and 100000, or unlimited"),
            ({"stock": "lots"}, 21, "item cup: stock: must be a whole number or unlimited"),
            ({"stock": None}, 16, "item cup: stock: missing"),
            ({"per_person": "0"}, 22, "item cup: per_person: must be at least 1"),
            ({"valid_days": "4000"}, 22, "item cup: valid_days: must be at most 366"),
            ({"shop": "toys"}, 17, "item cup: shop: there is no shop 'toys' in the file"),
            ({"title_zh": None}, 16, "item cup: title_zh: missing"),
            ({"title_en": '" "'}, 19, "item cup: title_en: empty"),
            ({"title_en": "7"}, 19, "item cup: title_en: must be text; put it into quotes"),
            ({"title_en": '"a\\0"'}, 19, "item cup: title_en: has characters nobody can read"),
            ({"title_en": '"\\uD800"'}, 19, "item cup: title_en: has characters nobody can read"),
            ({"title_en": "x" * 65}, 19, "item cup: title_en: must be at most 64 characters"),
            ({"from": "2026-13-01"}, 22, "item 1: from: no usable value"),
            ({"from": "soon"}, 22, "item cup: from: must be a day like 2026-12-31"),
            ({"from": '"2026-02-30"'}, 22, "item cup: from: there is no such day"),
            ({"until": "9999-12-31"}, 22, "item cup: until: must lie between 2020 and 2100"),
            (
                {"from": "2026-12-02", "until": "2026-12-01"},
                23,
                "item cup: until: lies before from (2026-12-02)",
            ),
            ({"paused": "perhaps"}, 22, "item cup: paused: must be true or false"),
            ({'"\\uD800"': "red"}, 16, "item cup: has characters nobody can read"),
            ({"colour": "red"}, 22, "item cup: colour: unknown key"),
            ({"photo": "none.png"}, 22, "item cup: photo: there is no file 'none.png'"),
            ({"photo": "catalogue.yaml"}, 22, "item cup: photo: is no JPEG, PNG, WebP or HEIC"),
        ],
    )
    def test_one_fault_is_told_with_its_line(self, tmp_path, told, line, fault):
        assert faults(written(tmp_path, item(**told))) == [f"line {line}: {fault}"]

    def test_all_faults_are_told_at_once(self, tmp_path):
        file = written(
            tmp_path,
            item(cost="-1", title_zh=None),
            item(stock="-1"),
            shops=SHOPS.replace("25.2", "118.9").replace("name_en: Far\n", "\n"),
        )
        assert faults(file) == [
            "line 7: shop far: name_en: missing",
            "line 10: shop far: latitude: must be at most 90",
            "line 16: item cup: title_zh: missing",
            "line 19: item cup: cost: must be at least 1",
            "line 21: item cup: code: that code was used in line 16",
            "line 26: item cup: stock: must be between 0 and 100000, or unlimited",
        ]

    def test_a_picture_too_large_or_broken(self, tmp_path):
        (tmp_path / "large.jpg").write_bytes(jpeg() + bytes(catalogue_file.MOST_PICTURE_BYTES))
        (tmp_path / "broken.jpg").write_bytes(jpeg()[:400])
        file = written(tmp_path, item(photo="large.jpg"), item(code="b", photo="broken.jpg"))
        assert [fault.partition("photo: ")[2] for fault in faults(file)] == [
            "the picture is larger than 5 MB",
            "the picture is broken",
        ]

    @pytest.mark.parametrize(
        ("name", "content", "fault"),
        [
            ("a.txt", b"", "line 1: expected a file that ends with .yaml, .yml or .csv"),
            ("a.yaml", b"", "line 1: expected two lists: shops and items"),
            ("a.yaml", b"shops: []\nitems: []\n", "line 1: there are no items in it"),
            ("a.yaml", b"shops: []\nitems: 3\n", "line 2: items: expected a list"),
            ("a.yaml", b"shop: []\n", "line 1: shop: unknown key; there are: shops, items"),
            ("a.yaml", b"items: []\nitems: []\n", "line 2: items: given twice"),
            ("a.yaml", b"items:\n- a: [\n", "line 3: not readable as YAML"),
            ("a.yaml", b"items:\n- a: \x07\n", "line 2: not readable as YAML"),
            ("a.yaml", b"[" * 5000, "line 1: not readable as YAML: nested too deeply"),
            ("a.yaml", "items:\n- 价".encode("gbk"), "line 2: not UTF-8; save the file as UTF-8"),
            ("a.yaml", bytes(1024 * 1024 + 1), "line 1: the file is larger than 1 MB"),
            ("a.csv", b"", "line 1: there are no items in it"),
            ("a.csv", b'code,shop\n"a', "line 2: not readable as CSV"),
        ],
    )
    def test_a_file_that_is_none(self, tmp_path, name, content, fault):
        file = tmp_path / name
        file.write_bytes(content)
        assert faults(file) == [fault]

    def test_csv_says_the_same(self, tmp_path):
        columns = [*ITEM, "text_en", "shop_name_zh", "shop_name_en", "colour", ""]
        rows = [
            item(text_en="two\nlines", shop_name_zh="茶店", shop_name_en="Tea"),
            item(code="pot", cost="x", shop_name_en="Other"),
            item(code="bag", shop="toys", shop_name_zh="店"),
        ]
        file = tmp_path / "a.csv"
        with file.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
        assert faults(file) == [
            "line 1: column '': unknown",
            "line 1: column 'colour': unknown",
            "line 4: item pot: cost: must be a whole number",
            "line 4: shop tea: shop_name_en: differs from line 2",
            "line 5: shop toys: shop_name_en: missing",
        ]
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns[:-2])
            writer.writeheader()
            writer.writerow(rows[0])
        found = catalogue_file.read(file)
        assert [found.items[0].cost, found.items[0].text_en] == [30, "two\nlines"]
        assert found.shops[0].name_en == "Tea"

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        value=st.one_of(
            st.text(max_size=30), st.integers().map(str), st.floats().map(str), st.just("*a")
        ),
        key=st.sampled_from([*ITEM, "photo", "from", "until", "paused", "per_person"]),
        ending=st.sampled_from(["yaml", "csv"]),
    )
    def test_nonsense_is_refused_or_read(self, tmp_path, value, key, ending):
        file = written(tmp_path, item(**{key: value}))
        if ending == "csv":
            file = tmp_path / "a.csv"
            row = item(**{key: value})
            text = f"{','.join(row)}\n{','.join(row.values())}\n"
            file.write_text(text, encoding="utf-8", errors="surrogatepass")
        refused, found = [], None
        try:
            found = catalogue_file.read(file)
        except FaultyFile as faulty:
            refused = faulty.faults
        assert bool(refused) != bool(found)
        assert all(fault.line >= 1 and fault.reason for fault in refused)


@pytest.fixture
def bring_in(database, tmp_path, policy, midday):
    """Imports some items into the database; what that changed."""

    def work(*items, restock=False, shops=SHOPS):
        wanted = catalogue_file.read(written(tmp_path, *items, shops=shops))
        return database.run_here(
            partial(importing.bring_in, wanted=wanted, restock=restock, policy=policy)
        )

    return work


def the_item(database, code="cup") -> Item:
    return database.run_here(lambda session: session.scalar(select(Item).where(Item.code == code)))


def told(difference):
    return [
        (change.kind, change.code, {field.name: (field.old, field.new) for field in change.fields})
        for change in difference.changes
    ]


class TestBringingIn:
    def test_a_second_time_changes_nothing(self, database, bring_in):
        first = bring_in(item())
        assert [change.kind for change in first.changes] == [Kind.NEW] * 4
        before = the_item(database)
        second = bring_in(item())
        assert second.changes == ()
        assert second.unchanged == 4
        assert the_item(database).created_at == before.created_at

    def test_what_differs_is_told_field_by_field(self, database, bring_in):
        bring_in(item())
        difference = bring_in(
            item(cost="25", shop="far", until="2026-12-31"), shops=SHOPS.replace("Tea", "Teahouse")
        )
        assert told(difference) == [
            (Kind.CHANGED, "tea", {"name_en": ("Tea", "Teahouse")}),
            (
                Kind.CHANGED,
                "cup",
                {"shop": ("tea", "far"), "cost": (30, 25), "until": (None, date(2026, 12, 31))},
            ),
        ]
        # The last day counts to its end, in Quangang.
        assert the_item(database).offered_until == datetime(2026, 12, 31, 16, tzinfo=UTC)

    def test_a_comparison_changes_nothing(self, database, bring_in, tmp_path, policy):
        bring_in(item())
        wanted = catalogue_file.read(written(tmp_path, item(cost="99"), item(code="new")))
        difference = database.run_here(
            partial(importing.compare, wanted=wanted, restock=False, policy=policy)
        )
        assert [change.kind for change in difference.changes] == [Kind.CHANGED, Kind.NEW]
        assert the_item(database).cost == 30
        assert the_item(database, "new") is None

    def test_what_is_gone_from_the_file_is_paused_and_stays(self, database, bring_in):
        bring_in(item(), item(code="pot"))
        assert told(bring_in(item(code="pot"))) == [(Kind.GONE, "cup", {"paused": (False, True)})]
        assert the_item(database).paused
        assert bring_in(item(code="pot")).changes == ()
        # Back in the file it is still paused, until the file or an admin says otherwise.
        again = bring_in(item(), item(code="pot"))
        assert (again.changes, again.stay_paused) == ((), ("cup",))
        assert told(bring_in(item(paused="false"), item(code="pot"))) == [
            (Kind.CHANGED, "cup", {"paused": (True, False)})
        ]

    def test_live_stock_is_kept_unless_restocked(self, database, bring_in):
        bring_in(item())
        database.run_here(lambda session: session.execute(update(Item).values(stock=3)))
        kept = bring_in(item(stock="40", cost="31"))
        assert kept.stock_kept
        assert the_item(database).stock == 3
        assert told(bring_in(item(stock="40", cost="31"), restock=True)) == [
            (Kind.CHANGED, "cup", {"stock": (3, 40)})
        ]
        assert not bring_in(item(stock="40", cost="31"), restock=True).changes
        assert the_item(database).stock == 40

    def test_a_picture_is_kept_as_long_as_its_item_has_it(self, database, bring_in, tmp_path):
        (tmp_path / "a.jpg").write_bytes(jpeg(1))
        (tmp_path / "b.jpg").write_bytes(jpeg(2))
        bring_in(item(photo="a.jpg"))
        [first] = database.run_here(lambda session: session.scalars(select(Photo)).all())
        assert (first.owner_id, first.file_id, first.sendable_id) == (0, "", None)
        clock.advance(timedelta(days=30))
        assert database.run_here(photos.forget_unused) == 0
        assert bring_in(item(photo="a.jpg")).changes == ()
        [change] = bring_in(item(photo="b.jpg")).changes
        assert [field.name for field in change.fields] == ["photo"]
        assert database.run_here(photos.forget_unused) == 1
        [left] = database.run_here(lambda session: session.scalars(select(Photo)).all())
        assert left.id == the_item(database).photo_id != first.id


class TestOffers:
    def test_affordable_then_near_then_cheap_and_sold_out_last(self, database, bring_in):
        bring_in(
            item(code="near"),
            item(code="far", shop="far", cost="5"),
            item(code="dear", cost="500"),
            item(code="gone", cost="1", stock="0"),
            item(code="placeless", shop="nowhere", cost="20", stock="unlimited"),
            item(code="paused", paused="true"),
            item(code="later", **{"from": "2026-11-25"}),
            item(code="over", until="2026-11-23"),
            item(code="today", cost="29", until="2026-11-24"),
        )

        def codes(near):
            found = database.run_here(partial(catalogue.offers, points=100, near=near))
            return [offer.item.code for offer in found]

        assert codes(None) == ["far", "placeless", "today", "near", "dear", "gone"]
        assert codes((25.118, 118.905)) == ["today", "near", "far", "placeless", "dear", "gone"]


class TestAdmins:
    def test_a_number_counts_only_if_what_was_shown_still_stands(self, database, bring_in):
        bring_in(item())
        number = the_item(database).id
        run = database.run_here
        assert run(partial(catalogue.set_cost, item_id=number, seen=30, cost=25))
        assert not run(partial(catalogue.set_cost, item_id=number, seen=30, cost=1))
        assert run(partial(catalogue.set_stock, item_id=number, seen=12, stock=40))
        assert not run(partial(catalogue.set_stock, item_id=number, seen=12, stock=0))
        assert (the_item(database).cost, the_item(database).stock) == (25, 40)

    def test_stock_never_falls_below_none(self, database, bring_in):
        bring_in(item(), item(code="endless", stock="unlimited"))
        number = the_item(database).id
        for _ in range(2):
            database.run_here(partial(catalogue.add_stock, item_id=number, count=-10))
        assert the_item(database).stock == 0
        endless = the_item(database, "endless").id
        with pytest.raises(OutOfDate):
            database.run_here(partial(catalogue.add_stock, item_id=endless, count=10))

    def test_an_admin_and_riders_at_once_lose_nothing(self, database, bring_in):
        bring_in(item(stock="100"))
        number = the_item(database).id

        def redeem(session):
            # As services/vouchers.py does it.
            session.execute(update(Item).values(stock=Item.stock - 1))

        more = partial(catalogue.add_stock, item_id=number, count=10)
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(database.run_here, [redeem, more] * 15))
        assert the_item(database).stock == 100 + 15 * 9


class TestCommand:
    @pytest.fixture(autouse=True)
    def _fresh(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SENTINEL_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "200")
        yield
        structlog.reset_defaults()

    def test_a_fault_imports_nothing_and_a_good_file_is_kept_with_its_pictures(self, tmp_path):
        assert "sentinel migrate" in runner.invoke(app, ["catalogue", "list"]).stderr
        runner.invoke(app, ["migrate"])
        bad = runner.invoke(
            app, ["catalogue", "import", str(written(tmp_path, item(), item(code="b", cost="-1")))]
        )
        assert bad.exit_code == 1
        assert "line 26: item b: cost: must be at least 1" in bad.stderr
        assert "Nothing was imported" in bad.stderr
        assert "There is nothing yet" in runner.invoke(app, ["catalogue", "list"]).stdout

        dry = runner.invoke(app, ["catalogue", "import", str(EXAMPLE), "--dry-run"])
        assert "milk-tea" in dry.stdout
        assert "this was a dry run" in dry.stdout
        assert not (tmp_path / "localchat" / "photos").exists()

        done = runner.invoke(app, ["catalogue", "import", str(EXAMPLE)])
        assert "9 new, 0 changed, 0 gone and paused, 0 unchanged" in done.stdout
        again = runner.invoke(app, ["catalogue", "import", str(EXAMPLE)])
        assert "0 new, 0 changed, 0 gone and paused, 9 unchanged" in again.stdout
        assert "Rain cape" in runner.invoke(app, ["catalogue", "list"]).stdout
        store = FolderStore(tmp_path / "localchat" / "photos")
        for picture in catalogue_file.read(EXAMPLE).pictures.values():
            assert store.preview(picture.found.sha256) == picture.found.preview

    def test_a_file_that_is_not_there_is_one_line(self, tmp_path):
        result = runner.invoke(app, ["catalogue", "import", str(tmp_path / "none.yaml")])
        assert result.exit_code == 1
        assert result.stderr == f"{tmp_path / 'none.yaml'}: No such file or directory\n"
