"""Blocks that nobody carries out here are at least well formed, and name what the production kit has."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.kit import DEPLOY
from tests.deploy.rendered import render
from tests.docs.pages import Block, every_block

BASH = shutil.which("bash")
UNITS = {path.name.partition(".")[0].rstrip("@") for path in (DEPLOY / "systemd").iterdir()}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SHELL = list(every_block("sh"))


@pytest.mark.skipif(BASH is None, reason="there is no bash to read the blocks")
def test_every_block_for_the_shell_is_well_formed() -> None:
    """As bash reads it, without doing it."""
    wrong = {}
    for block in SHELL:
        read = subprocess.run([BASH or "", "-n"], input=block.text, capture_output=True, text=True, check=False)  # noqa: S603  - only read
        if read.returncode:
            wrong[block.place] = read.stderr
    assert wrong == {}


def test_every_block_of_data_is_well_formed() -> None:
    """JSON and YAML."""
    for block in every_block("json"):
        json.loads(block.text)
    for block in every_block("yaml"):
        yaml.safe_load(block.text)
    assert list(every_block("json"))
    assert list(every_block("yaml"))


def services(line: str) -> Iterator[str]:
    """What a line asks compose for."""
    words = shlex.split(line, comments=True)
    for verb in ("exec", "run", "up", "build"):
        if verb in words:
            named = [word for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
            yield from named[:1] if verb in ("exec", "run") else named
            return


def lines(*programs: str) -> Iterator[tuple[Block, str]]:
    """The lines of blocks that begin with one of these."""
    for block in SHELL:
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.strip().startswith(programs):
                yield block, line.strip()


def test_every_service_of_compose_that_is_named_is_there() -> None:
    """In blocks, by its whole name or by the alias that the pages make."""
    found = {(block.place, name) for block, line in lines("docker compose", "dc ") for name in services(line)}
    assert len(found) > 5
    assert {(place, name) for place, name in found if name not in COMPOSE["services"]} == set()


def test_every_unit_that_is_named_is_there() -> None:
    """An instance by its template."""
    found = {
        (block.place, word.partition(".")[0].partition("@")[0])
        for block, line in lines("systemctl")
        for word in line.split()
        if word.startswith("paywall")
    }
    assert len(found) > 3
    assert {(place, name) for place, name in found if name not in UNITS} == set()


def test_every_object_of_kubernetes_that_is_named_is_there() -> None:
    """Deployments and jobs, in our namespace."""
    objects = {f"{thing['kind'].lower()}/{thing['metadata']['name']}" for thing in render()}
    text = "\n".join(line for _, line in lines("kubectl"))
    found = set(re.findall(r"\b(?:deployment|job)/[\w-]+", text))
    found |= {f"job/{name}" for name in re.findall(r"delete job -n paywall ([\w-]+)", text)}
    assert set(re.findall(r"-n (\S+)", text)) == {"paywall"}
    assert found
    assert found - objects == set()
