"""The configuration: what it takes, and one readable line for whatever is wrong with it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from bot import settings as module
from bot.settings import ConfigError, Settings, load, schema

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.yaml"


@pytest.fixture(autouse=True)
def nobody_elses_environment(monkeypatch, tmp_path):
    """Only what a test sets counts, and no secrets of this machine."""
    for name in [name for name in module.os.environ if name.startswith("SENTINEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SENTINEL_CONFIG", str(SHIPPED))
    monkeypatch.setattr(module, "SECRETS_DIR", tmp_path / "no-secrets")


@pytest.fixture
def config(monkeypatch, tmp_path):
    """Writes the shipped configuration with some changes, to be loaded."""

    def write(changes=None, text=None):
        content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        for path, value in (changes or {}).items():
            *sections, key = path.split(".")
            part = content
            for section in sections:
                part = part[section]
            part[key] = value
        file = tmp_path / "config.yaml"
        file.write_text(text if text is not None else yaml.safe_dump(content, allow_unicode=True))
        monkeypatch.setenv("SENTINEL_CONFIG", str(file))
        return file

    return write


def refusal():
    with pytest.raises(ConfigError) as refused:
        load()
    return str(refused.value)


def test_the_shipped_file_is_valid():
    settings = load()
    assert settings.policy.category("guardrail").name.zh == "护栏"
    assert settings.telegram.token is None
    assert settings.database_url == "sqlite:///data/localchat/sentinel.db"


def test_the_local_chat_has_a_database_of_its_own(monkeypatch):
    tried = load()
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", "1:x")
    real = load()
    assert real.database_url == "sqlite:///data/sentinel.db"
    assert real.state_dir == Path("data")
    assert tried.state_dir == tried.local_chat_dir == Path("data/localchat")


def test_a_database_that_was_named_is_used_without_a_token_as_well(monkeypatch):
    monkeypatch.setenv("SENTINEL_DATABASE__URL", "sqlite:///here.db")
    assert load().database_url == "sqlite:///here.db"
    assert load().state_dir == Path("data")


def test_the_shipped_file_shows_every_key_with_its_default():
    """Its comments promise that what is not changed is as it stands there."""
    shown = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    secrets = {"token", "secret", "api_key", "security_key"}
    assert set(shown) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if field.is_required():
            continue
        default = field.get_default(call_default_factory=True)
        if not isinstance(shown[name], dict):
            assert str(default) == shown[name], name
            continue
        assert set(shown[name]) == set(type(default).model_fields) - secrets, name
        read = getattr(load(), name)
        assert read == default, name


def test_the_committed_schema_is_the_models():
    committed = json.loads((ROOT / "config.schema.json").read_text(encoding="utf-8"))
    assert committed == schema(), "run: make schema"


def test_editors_find_the_schema():
    first = SHIPPED.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=./config.schema.json"


def test_the_schema_knows_no_secrets():
    described = schema()
    assert "token" not in described["$defs"]["Telegram"]["properties"]
    assert "secret" not in described["$defs"]["Webhook"]["properties"]
    assert "api_key" not in described["$defs"]["GeocoderSettings"]["properties"]
    assert "password" not in json.dumps(described)


def fits(value, described, root):
    """Whether a value fits a schema: as much of JSON Schema as ours makes use of."""
    if "$ref" in described:
        return fits(value, root["$defs"][described["$ref"].rpartition("/")[2]], root)
    if "anyOf" in described:
        return any(fits(value, one, root) for one in described["anyOf"])
    kinds = {
        "null": type(None),
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    if not isinstance(value, kinds[described["type"]]):
        return False
    if "enum" in described and value not in described["enum"]:
        return False
    if isinstance(value, list):
        first = described.get("prefixItems", [described.get("items")] * len(value))
        return len(value) == len(first) and all(map(fits, value, first, [root] * len(value)))
    if isinstance(value, dict):
        known = described["properties"]
        return (
            set(described.get("required", ())) <= set(value) <= set(known)
            and described["additionalProperties"] is False
            and all(fits(part, known[key], root) for key, part in value.items())
        )
    return re.search(described.get("pattern", ""), str(value)) is not None


def test_the_shipped_file_fits_the_schema():
    shown = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    assert fits(shown, schema(), schema())
    shown["limits"]["reports_a_day"] = 3
    assert not fits(shown, schema(), schema())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"limits.reports_a_day": 3}, "limits.reports_a_day: unknown key"),
        ({"colour": "red"}, "colour: unknown key"),
        (
            {"limits.reports_per_day": "many"},
            "limits.reports_per_day: Input should be a valid integer",
        ),
        (
            {"limits.reports_per_day": 0},
            "limits.reports_per_day: Input should be greater than or equal to 1",
        ),
        ({"points.grades": [5, 3, 1]}, "points: grades must be three rising numbers"),
        ({"timezone": "Asia/Quangang"}, "timezone: no such time zone: 'Asia/Quangang'"),
        ({"languages.default": "fr"}, "languages.default: Input should be 'zh_Hans' or 'en'"),
        ({"database.url": "mysql://x/y"}, "database.url: only sqlite:/// and postgresql://"),
        ({"database.url": "nonsense"}, "database.url: not a database URL"),
        ({"telegram.api_url": "ftp://x"}, "telegram.api_url: String should match pattern"),
        ({"districts.map_url": "https://x"}, "districts.map_url: String should match pattern"),
        (
            {"districts.map_url": "https://x/{latitude},{longitude}/{zoom}"},
            "districts.map_url: only {latitude} and {longitude} may stand in braces",
        ),
        (
            {"districts.map_url": "https://x/{latitude},{longitude}/{"},
            "districts.map_url: only {latitude} and {longitude} may stand in braces",
        ),
        (
            {"districts.map_url": "https://x/{latitude},{longitude}/{latitude.x}"},
            "districts.map_url: only {latitude} and {longitude} may stand in braces",
        ),
        (
            {"districts.map_url": "https://x/{latitude},{longitude}/{latitude[x]}"},
            "districts.map_url: only {latitude} and {longitude} may stand in braces",
        ),
        (
            {"districts.map_url": "https://x/{latitude},{longitude}/{latitude:.6f}"},
            "districts.map_url: only {latitude} and {longitude} may stand in braces",
        ),
        ({"categories": []}, "categories: "),
        ({"reject_reasons": None}, "reject_reasons: "),
    ],
)
def test_what_is_wrong_is_one_line_with_its_path(config, changes, line):
    file = config(changes)
    message = refusal()
    assert message.startswith(f"{file}: {line}")
    assert len(message.splitlines()) == 1


def test_a_category_that_is_wrong_is_told_by_its_number(config):
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["categories"]
    content[2]["code"] = "Not A Code"
    file = config({"categories": content})
    assert refusal().startswith(f"{file}: categories.2.code: ")


def test_a_code_used_twice_is_told(config):
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))["categories"]
    config({"categories": [*content, content[0]]})
    assert "categories: code used twice: guardrail" in refusal()
    assert len(refusal().splitlines()) == 1


def test_each_fault_has_its_line(config):
    config({"limits.reports_a_day": 3, "logs.level": "loud"})
    assert len(refusal().splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("limits: [", "line 1: not readable as YAML"),
        ("a: 1\nb: : 2\n", "line 2: not readable as YAML"),
        ("- one\n", "expected keys with values"),
        ("just words", "expected keys with values"),
        ("", "categories: Field required"),
    ],
)
def test_a_file_that_is_no_configuration(config, text, line):
    file = config(text=text)
    assert f"{file}: {line}" in refusal()


def test_a_file_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("SENTINEL_CONFIG", str(tmp_path / "none.yaml"))
    assert "none.yaml: not found" in refusal()
    assert len(refusal().splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "variable"),
    [
        ("telegram.token", "SENTINEL_TELEGRAM__TOKEN"),
        ("geocoder.api_key", "SENTINEL_GEOCODER__API_KEY"),
        ("geocoder.security_key", "SENTINEL_GEOCODER__SECURITY_KEY"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(config, path, variable):
    file = config({path: "123:secret"})
    message = refusal()
    assert message == f"{file}: {path}: secrets do not belong in this file; set {variable}"


@pytest.mark.parametrize(
    "url",
    ["postgresql://who:hunter2@host/name", "postgresql://who@host/name?password=hunter2"],
)
def test_a_password_in_the_file_is_refused_and_not_repeated(config, url):
    file = config({"database.url": url})
    assert refusal() == (
        f"{file}: database.url: secrets do not belong in this file; set SENTINEL_DATABASE__URL"
    )


def test_a_database_without_a_password_may_stand_in_the_file(config):
    config({"database.url": "postgresql://who@host/name"})
    assert load().database_url == "postgresql+psycopg://who@host/name"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("SENTINEL_TELEGRAM__TOKEN", "1:x", lambda s: s.telegram.token.get_secret_value()),
        ("SENTINEL_TELEGRAM__API_URL", "http://127.0.0.1:1", lambda s: s.telegram.api_url),
        ("SENTINEL_DATABASE__URL", "sqlite:////x.db", lambda s: s.database_url),
        ("SENTINEL_CHATS__MODERATORS", "-1001", lambda s: str(s.chats.moderators)),
        ("SENTINEL_CHATS__ADMINS", "[5]", lambda s: str(list(s.chats.admins))),
        ("SENTINEL_DATA_DIR", "/srv/sentinel", lambda s: str(s.data_dir)),
        ("SENTINEL_LIMITS__REPORTS_PER_DAY", "30", lambda s: str(s.limits.reports_per_day)),
    ],
)
def test_the_environment_wins(monkeypatch, name, value, read):
    monkeypatch.setenv(name, value)
    assert read(load()) == value


def test_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("SENTINEL_CHATS__MODERATORS", "")
    assert load().chats.moderators is None


@pytest.mark.parametrize(
    "variable",
    [
        "SENTINEL_TOKEN",
        "SENTINEL_LIMIT__REPORTS_PER_DAY",
        "SENTINEL_LIMITS__REPORTS_A_DAY",
    ],
)
def test_an_unknown_variable_is_told(monkeypatch, variable):
    monkeypatch.setenv(variable, "3")
    assert refusal() == f"{variable}: unknown key (environment)"


def test_a_bad_value_from_the_environment_is_told(monkeypatch):
    monkeypatch.setenv("SENTINEL_CHATS__MODERATORS", "the desk")
    assert refusal().startswith("SENTINEL_CHATS__MODERATORS: Input should be a valid integer")
    assert len(refusal().splitlines()) == 1


def test_a_token_never_shows_in_what_is_wrong(monkeypatch):
    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", "123:hush-hush")
    monkeypatch.setenv("SENTINEL_TELEGRAM__API_URL", "nonsense")
    assert "hush-hush" not in refusal()
    monkeypatch.delenv("SENTINEL_TELEGRAM__API_URL")
    assert "hush-hush" not in repr(load())


def test_a_webhook_secret_telegram_would_refuse_is_told_without_being_shown(monkeypatch):
    monkeypatch.setenv("SENTINEL_WEBHOOK__SECRET", "hush hush")
    assert refusal().startswith("SENTINEL_WEBHOOK__SECRET: 1 to 256 of A-Z")
    assert "hush hush" not in refusal()


@pytest.mark.parametrize("address", ["8080", ":8080", "127.0.0.1:", "127.0.0.1:99999", "a:b"])
def test_an_address_to_listen_on_needs_host_and_port(monkeypatch, address):
    monkeypatch.setenv("SENTINEL_WEBHOOK__LISTEN", address)
    assert refusal().startswith("SENTINEL_WEBHOOK__LISTEN: expected host:port")


def test_a_secret_may_lie_in_a_file_of_its_own(monkeypatch, tmp_path):
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "SENTINEL_TELEGRAM__TOKEN").write_text("123:filed\n")
    monkeypatch.setattr(module, "SECRETS_DIR", folder)
    assert load().telegram.token.get_secret_value() == "123:filed"

    monkeypatch.setenv("SENTINEL_TELEGRAM__TOKEN", "123:said")
    assert load().telegram.token.get_secret_value() == "123:said"


def test_a_postgresql_url_gets_its_driver(monkeypatch):
    monkeypatch.setenv("SENTINEL_DATABASE__URL", "postgresql://who:p%40ss@host/name")
    assert load().database_url == "postgresql+psycopg://who:p%40ss@host/name"


def test_what_a_caller_gives_wins_over_everything(monkeypatch):
    monkeypatch.setenv("SENTINEL_LOGS__LEVEL", "error")
    assert load({"logs": {"level": "debug"}}).logs.level == "debug"


def test_the_settings_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        load().timezone = "UTC"
