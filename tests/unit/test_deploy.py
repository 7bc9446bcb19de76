"""deploy/ and what docs/ tells operators: nothing in them may name what is not there.

Whether Docker, systemd, Caddy and Prometheus take the files is not asked here: none of them need be
on a machine that runs the tests.
"""

import re
import shlex
import tomllib
from datetime import timedelta
from pathlib import Path

import click
import pytest
import typer.main
import yaml
from pydantic import BaseModel

from bot import application, http_door
from bot import settings as configuration
from bot.__main__ import app
from bot.metrics import Metrics
from bot.settings import Settings
from models import clock
from models.outgoing import OutgoingState
from services.figures import Figures

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("sentinel.service", "sentinel@.service", "sentinel-backup.service")
GUIDES = ("operating.md", "operating.zh.md")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# Read by bot/settings.py itself, before there are settings.
OUTSIDE = {"SENTINEL_CONFIG"}


def text(name):
    return (DEPLOY / name).read_text("utf-8")


def instructions():
    """The Dockerfile's, one a pair of word and rest, comments and line ends taken out."""
    lines = [line for line in text("Dockerfile").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def image_environment():
    pairs = [word for kind, rest in instructions() if kind == "ENV" for word in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def compose():
    return yaml.safe_load(text("compose.yaml"))


def bots():
    services = compose()["services"]
    return {name: services[name] for name in services if name.startswith("bot-")}


def unit(name):
    """A unit's settings; a key said twice has both values."""
    found: dict[str, list[str]] = {}
    for line in text(name).splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def variables_of(name):
    return dict(pair.split("=", 1) for pair in unit(name).get("Environment", []))


def example_environment():
    """Every variable of environment.example, those that are commented out included."""
    return dict(
        re.findall(r"^#?([A-Z][A-Z_0-9]*)=(.*)$", text("environment.example"), re.MULTILINE)
    )


def is_setting(variable):
    """Whether our settings read an environment variable."""
    if variable in OUTSIDE:
        return True
    model: object = Settings
    for part in variable.removeprefix("SENTINEL_").lower().split("__"):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return False
        if part not in model.model_fields:
            return False
        model = model.model_fields[part].annotation
    # A whole section is none.
    return not (isinstance(model, type) and issubclass(model, BaseModel))


def port_of(address):
    return int(address.rpartition(":")[2])


def command_named(words):
    """Whether our command line knows a command, like ["outbox", "list"]."""
    command: click.Command = typer.main.get_command(app)
    for word in words:
        found = getattr(command, "commands", {}).get(word)
        if found is None:
            return False
        command = found
    return not hasattr(command, "commands")


def code_in(document):
    """What stands in a Markdown document as code, in line and in blocks."""
    content = document.read_text("utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", content, re.MULTILINE | re.DOTALL)
    inline = re.findall(
        r"`([^`]+)`", re.sub(r"^```.*?^```", "", content, flags=re.MULTILINE | re.DOTALL)
    )
    return blocks + [" ".join(piece.split()) for piece in inline]


def test_is_setting_tells_them_apart():
    assert is_setting("SENTINEL_TELEGRAM__TOKEN")
    assert is_setting("SENTINEL_DATA_DIR")
    assert not is_setting("SENTINEL_TELEGRAM")
    assert not is_setting("SENTINEL_TELEGRAM__TOKENS")
    assert not is_setting("SENTINEL_DATA_DIR__X")


# The image


def test_the_image_gets_every_package_of_the_wheel():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
        "targets"
    ]["wheel"]
    copied = {rest.split()[0] for kind, rest in instructions() if kind == "COPY"}
    assert set(wheel["packages"]) <= copied


def test_what_the_image_copies_is_there_and_not_ignored():
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    wanted = {
        source
        for kind, rest in instructions()
        if kind == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert wanted
    assert wanted <= let_in
    for source in let_in:
        assert (ROOT / source).exists(), source


def test_the_image_runs_as_nobody_else_in_exec_form():
    last = dict(instructions())
    assert last["USER"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert yaml.safe_load(last["ENTRYPOINT"]) == ["sentinel"]
    assert command_named(yaml.safe_load(last["CMD"]))
    assert last["FROM"].startswith("python:3.11-slim")
    assert "--require-hashes" in text("Dockerfile")


def test_the_image_asks_its_own_health_where_it_tells_it():
    health = dict(instructions())["HEALTHCHECK"]
    port = port_of(image_environment()["SENTINEL_METRICS__LISTEN"])
    assert f"http://127.0.0.1:{port}/healthz" in health


# Compose


def test_there_are_two_bots_that_differ_in_nothing():
    assert len(bots()) == 2
    first, second = bots().values()
    assert first == second


def test_every_container_is_held_tight():
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
        assert service["logging"]["options"]["max-size"], name


def test_only_the_proxy_is_open_to_the_world():
    services = compose()["services"]
    assert [name for name in services if "ports" in services[name]] == ["caddy"]
    assert compose()["networks"]["back"] == {"internal": True}
    assert services["postgres"]["networks"] == ["back"]


def test_the_settings_load_from_what_compose_gives(monkeypatch, tmp_path):
    """With the image's environment, the container's, and its secrets as files."""
    for name in [name for name in configuration.os.environ if name.startswith("SENTINEL_")]:
        monkeypatch.delenv(name)
    given = {
        "SENTINEL_TELEGRAM__TOKEN": "1:token",
        "SENTINEL_WEBHOOK__SECRET": "a" * 64,
        "SENTINEL_DATABASE__URL": "postgresql://sentinel:word@postgres/sentinel",
    }
    bot = bots()["bot-1"]
    assert set(bot["secrets"]) == set(given)
    for name, value in given.items():
        assert compose()["secrets"][name] == {"file": f"secrets/{name}"}
        # As an editor or openssl leaves it, with a line end.
        (tmp_path / name).write_text(value + "\n")
    monkeypatch.setattr(configuration, "SECRETS_DIR", tmp_path)
    for name, value in (image_environment() | bot["environment"]).items():
        if name.startswith("SENTINEL_"):
            monkeypatch.setenv(name, re.sub(r"\$\{BOT_DOMAIN:\?[^}]*\}", "bot.example.org", value))
    monkeypatch.setenv("SENTINEL_CONFIG", str(ROOT / "config.yaml"))
    settings = configuration.load()
    assert settings.webhook.url == "https://bot.example.org/telegram"
    assert settings.webhook.secret.get_secret_value() == "a" * 64
    assert settings.telegram.token.get_secret_value() == "1:token"
    assert settings.database_url == "postgresql+psycopg://sentinel:word@postgres/sentinel"
    assert settings.data_dir == Path("/data")


# Ports, paths and times that have to agree


def test_the_ports_are_the_same_everywhere():
    hears = {port_of(image_environment()["SENTINEL_WEBHOOK__LISTEN"])}
    private = {port_of(image_environment()["SENTINEL_METRICS__LISTEN"])}
    for name in ("sentinel.service", "sentinel@.service"):
        given = variables_of(name)
        private.add(port_of(given["SENTINEL_METRICS__LISTEN"]))
        if "SENTINEL_WEBHOOK__LISTEN" in given:
            hears.add(port_of(given["SENTINEL_WEBHOOK__LISTEN"]))
    upstreams = compose()["services"]["caddy"]["environment"]["BOT_UPSTREAMS"].split()
    hears |= {port_of(upstream) for upstream in upstreams}
    private |= {int(port) for port in re.findall(r"health_port (\d+)", text("Caddyfile"))}
    private |= {int(port) for port in re.findall(r"127\.0\.0\.1\d:(\d+)", text("alerts.yaml"))}
    assert len(hears) == len(private) == 1
    assert hears != private
    assert {upstream.split(":")[0] for upstream in upstreams} == set(bots())


def test_the_webhook_has_one_path_everywhere():
    [path] = re.findall(r"path (/\S+)", text("Caddyfile"))
    assert bots()["bot-1"]["environment"]["SENTINEL_WEBHOOK__URL"].endswith("}" + path)
    assert example_environment()["SENTINEL_WEBHOOK__URL"].endswith("example.org" + path)


def test_the_proxy_counts_no_failures_that_anybody_can_make():
    assert "fail_duration " not in re.sub(r"#.*", "", text("Caddyfile"))


def test_nobody_kills_a_bot_before_it_has_ended_by_itself():
    needed = application.FAREWELL_S + http_door.LAST_WORDS_S
    for name in ("sentinel.service", "sentinel@.service"):
        assert int(unit(name)["TimeoutStopSec"][0]) > needed
    assert int(bots()["bot-1"]["stop_grace_period"].removesuffix("s")) > needed


# systemd


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_what_there_is(name):
    [start] = unit(name)["ExecStart"]
    program, *words = shlex.split(start)
    assert program == "/opt/sentinel/.venv/bin/sentinel"
    assert command_named([word for word in words if not word.startswith("/")])


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_held_tight(name):
    said = unit(name)
    for key, value in {
        "User": "sentinel",
        "CapabilityBoundingSet": "",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "RestrictNamespaces": "yes",
        "LimitCORE": "0",
        "MemoryMax": "512M",
    }.items():
        assert said[key] == [value], key
    assert said["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert said["EnvironmentFile"] == ["/etc/sentinel/environment"]


def test_the_two_services_are_held_alike():
    """Whoever tightens one of them tightens the other."""
    start = "# A picture of 40 million pixels"
    one, many = (
        text(name).partition(start)[2] for name in ("sentinel.service", "sentinel@.service")
    )
    assert one
    assert one == many


def test_every_variable_is_a_setting():
    named = {
        *image_environment(),
        *(name for bot in bots().values() for name in (*bot["environment"], *bot["secrets"])),
        *(name for file in UNITS for name in variables_of(file)),
        *example_environment(),
    }
    ours = {name for name in named if name.startswith("SENTINEL_")}
    assert len(ours) > 8
    assert not {name for name in ours if not is_setting(name)}


# Alerts


def figures():
    return Figures(
        outbox=dict.fromkeys(OutgoingState, 1),
        oldest_waiting=clock.now() - timedelta(minutes=1),
        errands=1,
        set_aside=1,
        open_reports=1,
        overdue_reports=1,
        jobs={"tidy": clock.now()},
    )


@pytest.fixture(scope="module")
def samples():
    """Every name `/metrics` shows once something has happened, with its labels."""
    metrics = Metrics()
    metrics.update("message", "applied", 0.01)
    metrics.sent()
    metrics.not_sent("TimedOut", "Again")
    metrics.leads(True)
    shown = metrics.write(figures()).decode()
    found = re.findall(r"^(sentinel_\w+)(?:\{(.*)\})? ", shown, re.MULTILINE)
    names: dict[str, set[str]] = {}
    for name, labels in found:
        names.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return names


def test_alerts_ask_for_figures_there_are(samples):
    rules = [
        rule for group in yaml.safe_load(text("alerts.yaml"))["groups"] for rule in group["rules"]
    ]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        asked = re.findall(r"(sentinel_\w+)(?:\{([^}]*)\})?", rule["expr"])
        assert asked or 'up{job="sentinel"}' in rule["expr"]
        for name, labels in asked:
            assert name in samples, name
            assert set(re.findall(r"(\w+)=", labels)) <= samples[name]
        assert {"severity"} == set(rule["labels"])
        assert rule["annotations"]["summary"]
    states = re.findall(r'state="(\w+)"', text("alerts.yaml"))
    assert states
    assert set(states) <= set(OutgoingState)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_describes_every_figure_and_no_other(guide, samples):
    told = {name for name in samples if not name.endswith("_created")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told}
    content = (ROOT / "docs" / guide).read_text("utf-8")
    assert set(re.findall(r"`(sentinel_[a-z_]+)", content)) == families


# The documents


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if re.match(r"https?:", target):
            continue
        file, _, anchor = target.partition("#")
        assert not file or (document.parent / file).exists(), target
        if anchor:
            linked = document.parent / file if file else document
            heads = re.findall(r"^#+ (.+)$", linked.read_text("utf-8"), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in heads
            }


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_names_commands_there_are(guide):
    named = set()
    for piece in code_in(ROOT / "docs" / guide):
        for words in re.findall(r"(?<![\w/.@:-])sentinel((?: [a-z]+)+)", piece):
            named.add(tuple(words.split()))
    assert len(named) > 6
    commands = {words for words in named if any(command_named(words[:n]) for n in (1, 2))}
    # `createdb --owner sentinel sentinel` is none of ours.
    assert named - commands <= {("sentinel",)}


@pytest.mark.parametrize("guide", [*GUIDES, "scaling.md"])
def test_a_guide_names_settings_there_are(guide):
    pieces = code_in(ROOT / "docs" / guide)
    variables = {name for piece in pieces for name in re.findall(r"\bSENTINEL_[A-Z_]+", piece)}
    assert {name for name in variables if not is_setting(name)} == set()
    sections = "|".join(Settings.model_fields)
    keys = {key for piece in pieces for key in re.findall(rf"^(?:{sections})\.[a-z_]+$", piece)}
    assert keys
    assert {
        key for key in keys if not is_setting("SENTINEL_" + key.upper().replace(".", "__"))
    } == set()


def test_both_guides_have_the_same_parts():
    shapes = [
        [
            len(marks)
            for marks in re.findall(
                r"^(#+) ", (ROOT / "docs" / guide).read_text("utf-8"), re.MULTILINE
            )
        ]
        for guide in GUIDES
    ]
    assert shapes[0] == shapes[1]
    # What is to be typed is the same, but for the words a reader puts in.
    blocks = [
        re.findall(
            r"^```\n(.*?)^```", (ROOT / "docs" / guide).read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
        for guide in GUIDES
    ]
    assert len(blocks[0]) == len(blocks[1])
    assert [block.count("\n") for block in blocks[0]] == [block.count("\n") for block in blocks[1]]
