"""Every setting is on its page, with its default and with the commands that need it; and no other name is told of."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from entrypoints import settings
from entrypoints.settings import Role, SettingError, load_settings
from tests.deploy.kit import FILLED, known_settings
from tests.deploy.test_compose import FOR_COMPOSE
from tests.docs.pages import DOCS, Page, every_page, read, tables_by_first_cell

PAGE = read(DOCS / "settings.md")
EVERYTHING = {
    **FILLED,
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "META_PIXEL_ID": "1",
    "META_ACCESS_TOKEN": "token",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
}
# Not settings: what compose reads, what a reader's shell says, what OpenTelemetry reads itself, an event of the core.
OTHERS = FOR_COMPOSE | {
    "PAYWALL_OPERATOR", "WORLD_PORT", "SHOP_PORT", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_BSP_SCHEDULE_DELAY", "TIME_PASSED",
}  # fmt: skip
NAME = re.compile(r"(?<![\w./-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w(-])")


def rows() -> dict[str, tuple[str, str]]:
    """Default and needing commands of each setting, as the page has them."""
    return {
        name: (cells[0], cells[1])
        for name, cells in tables_by_first_cell(PAGE).items()
        if name != "setting" and len(cells) == 3
    }


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The default of each setting that has one, as the reader of settings is told it."""
    found = dict[str, str]()
    read_one = settings._Reader._get

    def remember(self: Any, name: str, parse: Callable[[str], Any], **how: Any) -> Any:
        found[name] = how.get("default") or ""
        return read_one(self, name, parse, **how)

    monkeypatch.setattr(settings._Reader, "_get", remember)
    load_settings({name: text for name, text in EVERYTHING.items() if not name.startswith("SMTP_FROM")}, Role.SERVE)
    found["SMTP_FROM"] = ""  # what stands in for it is the login
    found["OTEL_SERVICE_NAME"] = found["OTEL_SERVICE_NAME"].replace(Role.SERVE, "<role>")
    return found


def test_every_setting_is_told_of_and_no_other() -> None:
    """Each in one row."""
    assert rows().keys() == known_settings()


def test_every_default_is_the_real_one(defaults: dict[str, str]) -> None:
    """An empty cell: there is none, or the setting is off."""
    assert {name: default.strip("`") for name, (default, _) in rows().items()} == defaults


def test_every_command_that_needs_a_setting_is_told() -> None:
    """By leaving each out, for each role in turn."""
    needed = {name: {role.value for role in Role if refuses(role, {**EVERYTHING, name: ""}, name)} for name in rows()}
    of_a_group = {"SMTP_PASSWORD", "META_PIXEL_ID", "META_ACCESS_TOKEN"}  # needed when the rest of the group is there
    told = {name: set(re.findall(r"`(\w+)`", who)) for name, (_, who) in rows().items() if name not in of_a_group}
    assert told == {name: roles for name, roles in needed.items() if name not in of_a_group}


def refuses(role: Role, environ: dict[str, str], name: str) -> bool:
    """Whether a role does not start for want of this setting."""
    try:
        load_settings(environ, role)
    except SettingError as error:
        return str(error).startswith(f"{name} is not set")
    return False


@pytest.mark.parametrize("page", [page for page in every_page() if page.name != "CHANGELOG.md"], ids=lambda p: p.name)
def test_every_setting_that_a_page_names_is_one(page: Page) -> None:
    """Names in capitals with an underscore, in blocks and between backquotes."""
    texts = [code for _, code in page.codes] + [
        block.text for block in page.blocks if block.language in ("sh", "ini", "env", "console")
    ]
    named = {name for text in texts for name in NAME.findall(text)}
    assert named - known_settings() - OTHERS == set()
