"""How the tests read the kit: its files, what a Dockerfile says, which settings exist, whether a command is one."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, Final

import click
from dotenv import dotenv_values

from entrypoints.cli import main
from entrypoints.settings import Role, load_settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
SCHEMAS: Final = Path(__file__).parent / "schemas"

# What a filled-in env file has where the example has nothing.
FILLED: Final = {
    "POSTGRES_PASSWORD": "a-password-of-tests",
    "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
    "TOKEN_SECRET": "a-token-secret-of-tests",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "paywall_bot",
    "BOT_TOKEN": "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghi",
    "SMTP_HOST": "smtp.example.com",
    "SMTP_USERNAME": "mailer@example.com",
    "SMTP_PASSWORD": "a-mail-password",
    "SMTP_FROM": "mailer@example.com",
}
ROLES: Final = {"api": Role.API, "worker": Role.WORKER, "bot": Role.BOT, "migrate": Role.MIGRATE, "serve": Role.SERVE}


class _Recorder(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked = set[str]()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@cache
def known_settings() -> frozenset[str]:
    """Every name that `load_settings` looks at, with every group switched on."""
    everything = {
        **FILLED,
        "APP_PUBLIC_BASE_URL": "https://pay.example.com",
        "META_PIXEL_ID": "1",
        "META_ACCESS_TOKEN": "token",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    }
    recorder = _Recorder(everything)
    for role in Role:
        load_settings(recorder, role)
    return frozenset(recorder.asked)


def example() -> dict[str, str]:
    """What the example of the env file sets."""
    return {name: value or "" for name, value in dotenv_values(DEPLOY / "paywall.env.example").items()}


def filled() -> dict[str, str]:
    """The example as an operator fills it in."""
    return {name: value or FILLED[name] for name, value in example().items()}


def check_command(words: Sequence[str]) -> str:
    """Parse what comes after `paywall` by its own command line; gives the command's name.

    Raises:
        click.UsageError: there is no such command, option or value.
    """
    with click.Context(main, info_name="paywall") as context:
        name, command, rest = main.resolve_command(context, list(words))
        assert name is not None
        assert command is not None
        with command.make_context(name, rest, parent=context):
            return name


@cache
def schema(name: str) -> Any:
    """One of the schemas that lie beside the tests."""
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


@dataclass(kw_only=True)
class Stage:
    """What the instructions of one stage of a Dockerfile come to."""

    base: str
    name: str | None
    env: dict[str, str] = field(default_factory=dict)
    copied: list[tuple[str | None, list[str], str]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    user: str = "0"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = ""
    exposed: list[str] = field(default_factory=list)


_TEXTS: Final = {"USER": "user", "WORKDIR": "workdir", "STOPSIGNAL": "stop_signal"}
_STARTS: Final = {"ENTRYPOINT": "entrypoint", "CMD": "cmd", "HEALTHCHECK": "health"}


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction of a Dockerfile and what follows it, on one line."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, the last one being the image.

    Raises:
        AssertionError: an instruction that is not interpreted here, or a start command that needs a shell.
    """
    found = list[Stage]()
    for word, rest in instructions(text):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            found.append(Stage(base=base, name=name or None))
            continue
        if word in ("ARG", "LABEL"):
            continue
        _apply(found[-1], word, rest)
    return found


def _apply(stage: Stage, word: str, rest: str) -> None:
    if word == "ENV":
        stage.env.update(pair.split("=", 1) for pair in shlex.split(rest))  # type: ignore[misc]  # two parts each
    elif word == "COPY":
        parts = rest.split()
        source = parts.pop(0).removeprefix("--from=") if parts[0].startswith("--from=") else None
        stage.copied.append((source, parts[:-1], parts[-1]))
    elif word == "RUN":
        stage.runs.append(rest)
    elif word == "EXPOSE":
        stage.exposed = rest.split()
    elif word in _TEXTS:
        setattr(stage, _TEXTS[word], rest)
    elif word in _STARTS:
        setattr(stage, _STARTS[word], _exec_form(rest.rpartition("CMD ")[2]))
    else:
        raise AssertionError(f"{word} is not interpreted here")


def _exec_form(rest: str) -> list[str]:
    assert rest.startswith("["), f"in exec form no shell stands between the signal and the process: {rest}"
    words: list[str] = json.loads(rest)
    return words


def sent_to_builder(path: str) -> bool:
    """Whether `.dockerignore` lets a file of the checkout through: the last line that matches it rules."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        heads = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        anywhere = parts if line.removeprefix("!").startswith("**/") else []
        if line and not line.startswith("#") and any(fnmatch(name, pattern) for name in (*heads, *anywhere)):
            sent = line.startswith("!")
    return sent
