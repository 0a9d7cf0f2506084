"""compose.yaml: the specification's schema, and what the schema cannot know."""

import re
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
import yaml

from entrypoints.server import GRACEFUL_SECONDS
from entrypoints.settings import SettingError, load_settings
from tests.deploy.kit import DEPLOY, ROLES, check_command, example, filled, known_settings, schema

# What the env file says to compose itself; no setting of ours.
FOR_COMPOSE = {"PAYWALL_DOMAIN", "POSTGRES_PASSWORD", "PAYWALL_IMAGE"}
# The schema that we have is of 2021; a project's name came into the specification in 2022.
NAMED: dict[str, Any] = {"name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"}}
SPECIFICATION = jsonschema.Draft201909Validator(
    {**schema("compose-spec.json"), "properties": {**schema("compose-spec.json")["properties"], **NAMED}}
)
PLACE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose(values: Mapping[str, str]) -> Any:
    """The file, with what the env file says put in.

    Raises:
        KeyError: something that must be said is not.
    """

    def put_in(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if values.get(name):
            return values[name]
        if kind == "-":
            return str(rest)
        raise KeyError(name)

    return yaml.safe_load(PLACE.sub(put_in, (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def whole() -> Any:
    """The file as it is with a filled-in example."""
    return compose(filled())


@pytest.fixture(scope="module")
def ours(whole: Any) -> dict[str, Any]:
    """The services that run our image."""
    return {name: service for name, service in whole["services"].items() if service["image"] == "paywall:latest"}


def environment(service: Any) -> dict[str, str]:
    """What a container of ours gets: the env file, and over it what compose.yaml says."""
    assert service["env_file"] == ["../paywall.env"]
    return {**filled(), **service["environment"]}


def test_it_is_a_compose_file(whole: Any) -> None:
    """By the specification's own schema, which knows every key."""
    SPECIFICATION.validate(whole)


def test_a_misspelt_key_is_no_compose_file(whole: Any) -> None:
    """The schema is strict: what it lets through is known."""
    spoilt = {**whole, "services": {**whole["services"], "api-1": {**whole["services"]["api-1"], "read_onyl": True}}}
    with pytest.raises(jsonschema.ValidationError):
        SPECIFICATION.validate(spoilt)


def test_every_role_is_there_and_its_command_is_one(ours: dict[str, Any]) -> None:
    """Two APIs, and each of the others once."""
    commands = {name: check_command(service["command"]) for name, service in ours.items()}
    assert commands == {"migrate": "migrate", "api-1": "api", "api-2": "api", "worker": "worker", "bot": "bot"}


def test_whoever_needs_the_database_waits_for_the_migration(ours: dict[str, Any]) -> None:
    """The schema is brought up once, before anybody asks."""
    assert ours["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert ours["migrate"]["restart"] == "no"
    for name in ours.keys() - {"migrate"}:
        assert ours[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}, name


def test_only_the_proxy_is_reached_from_outside(whole: Any) -> None:
    """Not the database, not Redis, not an API past the proxy; and not the port of the bot's way in."""
    published = {name: service["ports"] for name, service in whole["services"].items() if "ports" in service}
    assert published == {"proxy": ["80:80", "443:443", "443:443/udp"]}
    outside = [name for name, service in whole["services"].items() if "outside" in service["networks"]]
    assert outside == ["proxy"]


def test_every_service_is_shut_in(whole: Any) -> None:
    """Nothing is written but volumes and tmpfs, no right is left that is not needed, none can be had."""
    for name, service in whole["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    allowed = {name: service["cap_add"] for name, service in whole["services"].items() if "cap_add" in service}
    assert allowed.keys() == {"postgres", "proxy"}
    assert allowed["proxy"] == ["NET_BIND_SERVICE"]


def test_database_is_made_as_the_docs_advise(whole: Any) -> None:
    """Both options: by the locale alone the server's encoding would be SQL_ASCII."""
    made_by = whole["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]
    assert made_by.split() == ["--encoding=UTF8", "--locale=C"]
    assert f"--template=template0 {made_by} " in (DEPLOY.parent / "docs" / "production.md").read_text(encoding="utf-8")


def test_every_name_in_the_env_file_is_a_setting() -> None:
    """A misspelt one would be ignored without a word; those in comments too."""
    text = (DEPLOY / "paywall.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert named - FOR_COMPOSE - known_settings() == set()


def test_every_name_in_the_environment_is_a_setting(ours: dict[str, Any]) -> None:
    """As above, for what compose.yaml says itself."""
    assert {name for service in ours.values() for name in service["environment"]} - known_settings() == set()


def test_a_filled_in_example_is_all_that_each_role_needs(ours: dict[str, Any]) -> None:
    """Every setting that production requires is there, and mail, bot, Redis and proxies are on."""
    for service in ours.values():
        settings = load_settings(environment(service), ROLES[check_command(service["command"])])
        assert settings.database_url.startswith("postgresql+asyncpg://paywall:a-password-of-tests@postgres/")
        assert settings.public_base_url == "https://pay.example.com"
        assert settings.smtp is not None
        assert settings.bot.token is not None
        assert settings.redis_url is not None
        assert settings.trusted_proxies
        assert settings.log_format == "json"


@pytest.mark.parametrize("name", sorted(name for name, value in example().items() if not value))
def test_what_the_example_leaves_empty_must_be_filled_in(ours: dict[str, Any], name: str) -> None:
    """Either compose or the service says so, or it has a meaning: no name stands there for nothing."""
    if name == "POSTGRES_PASSWORD":
        with pytest.raises(KeyError, match=name):
            compose({**filled(), name: ""})
        return
    refused = []
    for service in ours.values():
        try:
            load_settings({**environment(service), name: ""}, ROLES[check_command(service["command"])])
        except SettingError as error:
            refused.append(str(error))
    # A mail server and a sender have defaults; Google's, and the user's name.
    assert all(text.startswith(name) for text in refused) if refused else name in {
        "SMTP_HOST", "SMTP_FROM", "SMTP_USERNAME"
    }  # fmt: skip


def test_the_trusted_network_is_the_one_inside(whole: Any, ours: dict[str, Any]) -> None:
    """Who is believed about a client's address can only be a neighbour."""
    (config,) = whole["networks"]["inside"]["ipam"]["config"]
    assert {service["environment"]["TRUSTED_PROXIES"] for service in ours.values()} == {config["subnet"]}


def test_a_stop_has_the_time_that_it_takes(ours: dict[str, Any]) -> None:
    """The drain and the requests in flight, and some to spare."""
    for name in ("api-1", "api-2"):
        drain = int(ours[name]["command"][-1])
        assert ours[name]["stop_grace_period"] == "30s"
        assert drain + GRACEFUL_SECONDS + 5 <= 30


def test_health_is_asked_of_all_that_can_answer(whole: Any, ours: dict[str, Any]) -> None:
    """The APIs by the image's own question; the worker by its database; the proxy only gets APIs that are healthy."""
    assert ours["api-1"]["healthcheck"].keys() == {"interval", "timeout", "start_period", "retries"}
    words = ours["worker"]["healthcheck"]["test"]
    assert words[:2] == ["CMD", "paywall"]
    assert check_command(words[2:]) == "migrate"
    waited = {name: wait["condition"] for name, wait in whole["services"]["proxy"]["depends_on"].items()}
    assert waited == {"api-1": "service_healthy", "api-2": "service_healthy"}
    silent = {name for name, s in whole["services"].items() if s.get("healthcheck", {}).get("disable")}
    assert silent == {"migrate", "bot"}
