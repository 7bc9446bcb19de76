"""bot/papers.py and bot/posters.py: what is printed can be read, by people and by scanners."""

import csv
import io
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import zxingcpp

from bot import papers, posters
from handlers.views import deep_link
from locales import Words
from services import spots
from services.shop_statements import Form, Line, Rider, Statement, named
from services.spots import Spot
from tests import pdf

ZONE = ZoneInfo("Asia/Shanghai")
ZH, EN = Words("zh_Hans", ZONE), Words("en", ZONE)
LATER = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)


def line(minute=0, points=30, title_zh="豆浆", title_en="Soy milk") -> Line:
    at = datetime(2026, 11, 3, 2, minute, tzinfo=UTC)
    return Line(at, 100 + minute, title_zh, title_en, Rider(0, 27), points)


def statement(*lines, name="2026-11", opening=120, drawn_at=LATER) -> Statement:
    return Statement(
        "corner", "街角小店", "Corner shop", named(name, ZONE), opening, lines, drawn_at
    )


class TestPdf:
    def test_in_chinese(self):
        data = papers.drawn(statement(line(), line(1, -30)), form=Form.PDF, words=ZH)
        [page] = pdf.lines(data)
        assert page == [
            "积分对账单",
            "街角小店",
            "2026 年 11 月",
            "依账本，2026 年 12 月 1 日 08:30",
            "期初余额 | 120",
            "合计 | 0",
            "期末余额 | 120",
            "日期 | 时间 | 兑换券 | 奖品 | 骑手 | 积分",
            "2026-11-03 | 10:00 | V100 | 豆浆 | 海鸥-27 | +30",
            "2026-11-03 | 10:01 | V101 | 豆浆 | 海鸥-27 | -30",
            "第 1 页，共 1 页",
        ]

    def test_in_english_of_a_day_that_is_not_over(self):
        early = datetime(2026, 11, 3, 4, tzinfo=UTC)
        by_hand = Line(early, None, "", "", None, 5)
        data = papers.drawn(
            statement(line(), by_hand, name="2026-11-03", drawn_at=early),
            form=Form.PDF,
            words=EN,
        )
        [page] = pdf.lines(data)
        assert page[1:4] == [
            "Corner shop",
            "Nov 3, 2026",
            "As of Nov 3, 2026, 12:00; more may follow",
        ]
        assert page[-3:-1] == [
            "2026-11-03 | 10:00 | V100 | Soy milk | Gull-27 | +30",
            "2026-11-03 | 12:00 | booked by hand | +5",
        ]

    def test_heads_are_repeated_and_no_booking_is_lost_on_the_way(self):
        data = papers.drawn(
            statement(*(line(minute) for minute in range(59))), form=Form.PDF, words=EN
        )
        pages = pdf.lines(data)
        assert len(pages) == 2
        assert pages[1][0] == "Day | Time | Voucher | Item | Rider | Points"
        numbers = [cell for page in pages for row in page for cell in row.split(" | ")]
        assert [f"V{100 + minute}" in numbers for minute in range(59)] == [True] * 59
        assert [page[-1] for page in pages] == ["Page 1 of 2", "Page 2 of 2"]

    def test_of_nothing(self):
        [page] = pdf.lines(papers.drawn(statement(), form=Form.PDF, words=EN))
        assert "Nothing was booked." in page

    def test_the_same_books_make_the_same_file(self):
        once, twice = (papers.drawn(statement(line()), form=Form.PDF, words=ZH) for _ in range(2))
        assert once == twice


class TestCsv:
    def rows(self, of, words):
        data = papers.drawn(of, form=Form.CSV, words=words)
        assert data.startswith(b"\xef\xbb\xbf")
        return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))

    def test_the_points_add_up_to_the_books(self):
        of = statement(line(), line(1, 45), line(2, -45))
        rows = self.rows(of, EN)
        assert rows[1] == ["2026-11-03", "10:00", "V100", "Soy milk", "Gull-27", "30"]
        assert sum(int(row[5]) for row in rows[1:4]) == of.total == 30
        assert rows[4:] == [
            [],
            ["Balance before", "120"],
            ["Total", "30"],
            ["Balance after", "150"],
        ]

    def test_chinese_is_chinese(self):
        heads, first = self.rows(statement(line()), ZH)[:2]
        assert heads == ["日期", "时间", "兑换券", "奖品", "骑手", "积分"]
        assert first[3:5] == ["豆浆", "海鸥-27"]

    @pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@x", "\tx"])
    def test_no_title_is_run_as_a_formula(self, title):
        rows = self.rows(statement(line(title_en=title)), EN)
        assert rows[1][3] == f"'{title}"


def test_a_file_is_named_after_shop_and_period():
    assert papers.file_name(statement(), Form.CSV) == "corner-2026-11.csv"


class TestPosters:
    @pytest.mark.parametrize("size", ["A4", "A5"])
    def test_a_spot_is_read_by_people_and_by_scanners(self, policy, districts, size):
        named_spot = posters.spot(
            latitude="25.118",
            longitude="118.905",
            name_zh="永嘉路口",
            name_en="Yongjia Rd corner",
            category="pothole",
            policy=policy,
            districts=districts,
        )
        link = deep_link("some_bot", spots.payload(named_spot.spot))
        poster = posters.of_spot(named_spot, link=link, policy=policy, zh=ZH, en=EN)
        data = posters.drawn([poster], size=size)
        [page] = pdf.lines(data)
        assert page == [
            "这里有隐患？扫码上报",
            "Something broken here? Scan and tell us",
            "位置已填好，拍张照发来就行。",
            "The place is filled in: send a photo of it.",
            "坑洼 · 永嘉路口",
            "pothole · Yongjia Rd corner",
            "t.me/some_bot?start=at_25118000_118905000_pothole",
        ]
        [code] = zxingcpp.read_barcodes(pdf.picture(data))
        assert code.text == link

    def test_a_shop_and_many_pages(self):
        made = [
            posters.of_shop(
                f"店{number}", "x" * 64, link=deep_link("some_bot", f"r_{number}"), zh=ZH, en=EN
            )
            for number in range(3)
        ]
        data = posters.drawn(made, size="A4")
        texts = pdf.lines(data)
        assert [page[4] for page in texts] == ["店0", "店1", "店2"]
        assert texts[0][:2] == ["本店可用积分兑换", "Your points are welcome here"]
        [code] = zxingcpp.read_barcodes(pdf.picture(data, page=2))
        assert code.text == "https://t.me/some_bot?start=r_2"


class TestSpots:
    @pytest.mark.parametrize(
        "spot",
        [
            Spot(25.118, 118.905),
            Spot(25.118123, 118.905987, "pothole"),
            Spot(-90.0, -180.0, "a" * 24),
            Spot(90.0, 180.0),
            Spot(0.0, 0.0, "x_1"),
        ],
    )
    def test_a_link_and_a_button_carry_a_spot_and_bring_it_back(self, spot):
        payload = spots.payload(spot)
        assert len(payload) <= 64
        assert spots.read(payload.removeprefix("at_")) == spot
        assert len(spots.packed(spot)) <= 40
        assert spots.unpacked(spots.packed(spot)) == spot

    @pytest.mark.parametrize(
        "text",
        ["", "1", "1_", "x_y", "91000000_0", "0_180000001", "1_2_Ä", "1_2_" + "a" * 25, "１_2"],
    )
    def test_nonsense_is_no_spot(self, text):
        assert spots.read(text) is None

    @pytest.mark.parametrize("text", ["", "0", "f" * 15, "0" * 14, "0" * 15 + "A"])
    def test_a_forged_button_is_no_spot(self, text):
        assert spots.unpacked(text) is None
