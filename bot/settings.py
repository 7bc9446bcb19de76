"""config.yaml and the environment become one frozen object; anything wrong is one readable line."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from models.policy import (
    Category,
    Languages,
    Limits,
    Points,
    Policy,
    Question,
    RejectReason,
    Review,
    Rewards,
    Section,
    ZoneName,
)

CONFIG_FILE = Path("config.yaml")
PREFIX = "SENTINEL_"
# Where Docker and systemd put secrets as files, one a file: SENTINEL_TELEGRAM__TOKEN and so on.
SECRETS_DIR = Path("/run/secrets")


class ConfigError(Exception):
    """The configuration cannot be used; the message is one readable line a problem."""


def _database_url(url: str | None) -> str | None:
    if not url:
        return None
    try:
        drivername = make_url(url).get_backend_name()
    except ArgumentError as error:
        raise ValueError("not a database URL") from error
    if drivername not in {"sqlite", "postgresql"}:
        raise ValueError("only sqlite:/// and postgresql:// are served")
    return url


def _listen(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ValueError("expected host:port, e.g. 127.0.0.1:8080")
    return address


Listen = Annotated[str, AfterValidator(_listen)]


def _map_url(url: str) -> str:
    try:
        url.format(latitude="25.118", longitude="118.905")
    # What a format string can be wrong in: names, numbers, attributes, items, ways of writing.
    except (LookupError, AttributeError, TypeError, ValueError) as error:
        raise ValueError("only {latitude} and {longitude} may stand in braces") from error
    return url


class Telegram(Section):
    """The way to the Bot API."""

    token: SecretStr | None = Field(None, description="From BotFather. Environment or file only.")
    api_url: str = Field(
        "https://api.telegram.org", pattern=r"^https?://\S+$", description="Any Bot API server."
    )
    proxy: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Way out to the Bot API; empty: as the environment says (https_proxy).",
    )
    connections: int = Field(64, ge=2, le=1000, description="To the Bot API at once, a process.")
    group_per_minute: int = Field(
        18,
        ge=0,
        le=20,
        description="Messages and edits in one group; Telegram takes 20. 0: where nobody counts.",
    )
    bulk_per_second: int = Field(
        25, ge=1, le=1000, description="Messages that may wait, of all processes together."
    )


class Webhook(Section):
    """Front door 2, for `sentinel serve`: Telegram brings the updates."""

    url: str | None = Field(
        None,
        pattern=r"^https://\S+$|^http://(127\.0\.0\.1|localhost|\[::1\])[:/]\S*$",
        description="Where Telegram reaches us: https://…",
    )
    secret: SecretStr | None = Field(
        None, description="1 to 256 of A-Z a-z 0-9 _ -. Environment or file only."
    )
    listen: Listen = Field("127.0.0.1:8080", description="host:port behind the proxy.")
    connections: int = Field(40, ge=1, le=100, description="Deliveries at once Telegram may try.")

    @field_validator("secret")
    @classmethod
    def _as_telegram_takes_it(cls, secret: SecretStr | None) -> SecretStr | None:
        # https://core.telegram.org/bots/api#setwebhook
        if secret is not None and not re.fullmatch(
            r"[A-Za-z0-9_-]{1,256}", secret.get_secret_value()
        ):
            raise ValueError("1 to 256 of A-Z, a-z, 0-9, _ and - only")
        return secret


class Metrics(Section):
    """The private port: /healthz, /readyz and /metrics."""

    listen: Listen | None = Field(
        None, description="host:port, never open to the world; empty: none."
    )


class Photos(Section):
    """Where pictures are kept."""

    url: str | None = Field(
        None,
        pattern=r"^(file:///|s3://)\S+$",
        description="file:///… or s3://bucket/prefix; empty: `photos` in the data directory.",
    )


class DatabaseSettings(Section):
    """Where the state is kept."""

    url: Annotated[str | None, AfterValidator(_database_url)] = Field(
        None, description="sqlite:///… or postgresql://…; empty: SQLite in the data directory."
    )
    threads: int = Field(4, ge=1, le=32, description="Transactions at once on PostgreSQL.")


class Desk(Section):
    """A moderator chat with districts of its own."""

    chat: int = Field(lt=0, description="Id of the chat (-100…).")
    districts: tuple[str, ...] = Field(min_length=1, description="Codes of what it reviews.")
    topics: dict[str, int] = Field(
        {}, description="Forum topics its cards go to, by the code of a district or category."
    )


class Chats(Section):
    """The chats that are ours from the start; others are registered with /here."""

    moderators: int | None = Field(
        None, description="Id of the moderator chat (-100…) for all districts no desk names."
    )
    admins: tuple[int, ...] = Field((), description="Ids of people who may set things up.")
    chiefs: tuple[int, ...] = Field((), description="Ids of people who settle disputes.")
    desks: tuple[Desk, ...] = Field((), description="Moderator chats with districts of their own.")

    @model_validator(mode="after")
    def _one_desk_a_district(self) -> "Chats":
        named = [code for desk in self.desks for code in desk.districts]
        twice = sorted({code for code in named if named.count(code) > 1})
        if twice:
            raise ValueError(f"desks: more than one reviews {', '.join(twice)}")
        if len({desk.chat for desk in self.desks} | {self.moderators}) <= len(self.desks):
            raise ValueError("desks: a chat is named twice")
        return self


class DistrictFiles(Section):
    """Where the districts lie."""

    file: Path = Field(
        Path("districts/quangang.geojson"), description="GeoJSON polygons: code, name_zh, name_en."
    )
    places: Path | None = Field(
        Path("districts/quangang_places.geojson"), description="GeoJSON points with names."
    )
    map_url: Annotated[str, AfterValidator(_map_url)] = Field(
        "https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}"
        "#map=18/{latitude}/{longitude}",
        pattern=r"^https?://.*\{latitude\}.*\{longitude\}|^https?://.*\{longitude\}.*\{latitude\}",
        description="Link to a map, with {latitude} and {longitude} (WGS-84).",
    )


class GeocoderSettings(Section):
    """Who turns typed addresses into places; without a provider nobody does."""

    provider: Literal["nominatim", "photon", "pelias", "baidu"] | None = None
    domain: str | None = Field(None, description="Host of an own server.")
    scheme: Literal["http", "https"] = "https"
    api_key: SecretStr | None = Field(None, description="Environment or file only.")
    security_key: SecretStr | None = Field(None, description="Environment or file only.")
    timeout_s: float = Field(5.0, gt=0, le=30)


class LocalChat(Section):
    """The local chat that `sentinel run` starts where there is no token."""

    port: int = Field(8765, ge=0, le=65535, description="First port tried on 127.0.0.1.")


class Logs(Section):
    """What is written to the log, and how."""

    format: Literal["console", "json"] = "console"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """Everything an operator tunes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    data_dir: Path = Field(Path("data"), description="Database, photos, the local chat.")
    timezone: ZoneName = Field(
        "Asia/Shanghai", description="IANA name; days and hours are told in it."
    )
    languages: Languages = Field(default_factory=Languages)
    telegram: Telegram = Field(default_factory=Telegram)
    webhook: Webhook = Field(default_factory=Webhook)
    metrics: Metrics = Field(default_factory=Metrics)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    photos: Photos = Field(default_factory=Photos)
    chats: Chats = Field(default_factory=Chats)
    districts: DistrictFiles = Field(default_factory=DistrictFiles)
    geocoder: GeocoderSettings = Field(default_factory=GeocoderSettings)
    points: Points = Field(default_factory=Points)
    rewards: Rewards = Field(default_factory=Rewards)
    review: Review = Field(default_factory=Review)
    limits: Limits = Field(default_factory=Limits)
    local_chat: LocalChat = Field(default_factory=LocalChat)
    logs: Logs = Field(default_factory=Logs)
    categories: tuple[Category, ...] = Field(min_length=1, max_length=40)
    reject_reasons: tuple[RejectReason, ...] = Field(min_length=1, max_length=12)
    questions: tuple[Question, ...] = Field(min_length=1, max_length=8)

    @model_validator(mode="after")
    def _policy_holds(self) -> "Settings":
        self.policy  # noqa: B018 - its own rules speak up here
        return self

    @property
    def policy(self) -> Policy:
        """The part of the settings the domain knows."""
        return Policy(
            languages=self.languages,
            timezone=self.timezone,
            categories=self.categories,
            reject_reasons=self.reject_reasons,
            questions=self.questions,
            points=self.points,
            rewards=self.rewards,
            review=self.review,
            limits=self.limits,
        )

    @property
    def state_dir(self) -> Path:
        """Where database and photos lie, if nothing else was said.

        Without a token it is a folder of the local chat's own: its people and its chats must not be
        found in the database once there is a real token.
        """
        if self.telegram.token is None and self.database.url is None:
            return self.local_chat_dir
        return self.data_dir

    @property
    def local_chat_dir(self) -> Path:
        """Where the local chat keeps what is its own."""
        return self.data_dir / "localchat"

    @property
    def database_url(self) -> str:
        """The URL as SQLAlchemy takes it, driver included."""
        if self.database.url is None:
            return f"sqlite:///{self.state_dir / 'sentinel.db'}"
        url = make_url(self.database.url)
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        return url.render_as_string(hide_password=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before secret files before config.yaml."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if SECRETS_DIR.is_dir():
            sources.append(
                NestedSecretsSettingsSource(
                    # The library wants a secrets source to start from and takes its defaults.
                    cast("Any", file_secret_settings),
                    secrets_dir=SECRETS_DIR,
                    env_prefix=PREFIX,
                    secrets_nested_delimiter="__",
                )
            )
        sources.append(YamlConfigSettingsSource(settings_cls, yaml_file=_config_file()))
        return tuple(sources)


def _config_file() -> Path:
    return Path(os.environ.get(f"{PREFIX}CONFIG", CONFIG_FILE))


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the configuration.

    Args:
        overrides: sections that win over file and environment, for tests and the local chat.

    Returns:
        The settings, checked.

    Raises:
        ConfigError: the file is missing or unreadable, a key is unknown, or a value is bad; one
            line a problem, each with its path.
    """
    file = _config_file()
    if not file.is_file():
        raise ConfigError(f"{file}: not found; start in the project's folder or set {PREFIX}CONFIG")
    _refuse_unknown_environment()
    try:
        _refuse_secrets_in(file)
        return Settings(**(overrides or {}))
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(file, error))) from error
    except (ValueError, OSError) as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}") from error


def _lines(file: Path, error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors(include_url=False):
        parts = [str(part) for part in problem["loc"]]
        path = ".".join(parts) or "(whole file)"
        variable = PREFIX + "__".join(parts).upper()
        unknown = problem["type"] == "extra_forbidden"
        said = "unknown key" if unknown else problem["msg"].removeprefix("Value error, ")
        if variable in os.environ:
            lines.append(f"{variable}: {said} (environment)")
        else:
            lines.append(f"{file}: {path}: {said}")
    return lines


# Settings nobody may write into a file that is shown around.
_SECRET_KEYS = (
    ("telegram", "token"),
    ("webhook", "secret"),
    ("geocoder", "api_key"),
    ("geocoder", "security_key"),
)
# No secret by itself, but it may hold one.
_MAY_HOLD_PASSWORD = ("database", "url")


def _refuse_secrets_in(file: Path) -> None:
    import yaml  # noqa: PLC0415 - only here, and the settings source loads it anyway

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "somewhere"
        raise ConfigError(f"{file}: {where}: not readable as YAML") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{file}: expected keys with values")
    for section, key in (*_SECRET_KEYS, _MAY_HOLD_PASSWORD):
        part = (content or {}).get(section)
        value = part.get(key) if isinstance(part, dict) else None
        if not value or ((section, key) == _MAY_HOLD_PASSWORD and not _has_password(value)):
            continue
        name = f"{PREFIX}{section.upper()}__{key.upper()}"
        raise ConfigError(
            f"{file}: {section}.{key}: secrets do not belong in this file; set {name}"
        )


def _has_password(url: object) -> bool:
    try:
        parts = make_url(str(url))
    except ArgumentError:
        # What is wrong with it is said where the value is checked.
        return False
    return bool(parts.password) or any("password" in name for name in parts.query)


def _refuse_unknown_environment() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if not variable.startswith(PREFIX) or variable == f"{PREFIX}CONFIG":
            continue
        section = variable.removeprefix(PREFIX).split("__", 1)[0]
        if section.upper() not in known:
            raise ConfigError(f"{variable}: unknown key (environment)")


def schema() -> dict[str, Any]:
    """What config.yaml may hold, as JSON Schema: editors complete and check the file by it.

    Returns:
        The schema, without the secrets, which have no place in that file.
    """
    described = Settings.model_json_schema()
    described["title"] = "Street Sentinel: config.yaml"
    sections = {name: part["$ref"].rpartition("/")[2] for name, part in _sections(described)}
    for section, key in _SECRET_KEYS:
        del described["$defs"][sections[section]]["properties"][key]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def _sections(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    properties: dict[str, dict[str, Any]] = described["properties"]
    return [(name, part) for name, part in properties.items() if "$ref" in part]


if __name__ == "__main__":
    # python -m bot.settings > config.schema.json
    sys.stdout.write(json.dumps(schema(), ensure_ascii=False, indent=2) + "\n")
