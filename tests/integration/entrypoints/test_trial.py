"""Somebody who has only docs/trial.md: what it says is typed, and nothing else, and a sale is made.

A block is marked by what becomes of it: `given` (what a reader replaces by their own), `stays` (a terminal of its own),
`ends` (typed into the one shell that stays open, in the order of the page).
"""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.docs.pages import DOCS, Block, read
from tests.integration.conftest import postgresql_database
from tests.product_process import free_origin

PAGE = [block for block in read(DOCS / "trial.md").blocks if block.mark.startswith("trial: ")]
STEP_SECONDS = 120
ANNA = 1001
BASH = shutil.which("bash")

pytestmark = pytest.mark.skipif(
    BASH is None or shutil.which("curl") is None, reason="the page is for whoever has bash and curl"
)


def kind(block: Block) -> str:
    """What becomes of it."""
    return block.mark.removeprefix("trial: ")


def given(values: Mapping[str, str]) -> dict[str, str]:
    """What the page's first block exports, each with a value of the test's own."""
    (block,) = [block for block in PAGE if kind(block) == "given"]
    named = [word.partition("=")[0] for word in block.text.split() if "=" in word]
    return {name: values[name] for name in named}


class Reader:
    """Types what the page says, each terminal in the same directory."""

    def __init__(self, place: Path, environ: Mapping[str, str]) -> None:
        self._place, self._environ = place, environ
        self._terminals: list[tuple[Block, Process, asyncio.Task[bytes]]] = []
        self.said = ""

    async def start(self, block: Block) -> Process:
        """A command that stays, in a terminal of its own."""
        assert BASH is not None
        process = await asyncio.create_subprocess_exec(
            BASH, "-euc", f"exec {block.text}", env=self._environ, cwd=self._place, stdout=PIPE, stderr=PIPE
        )
        assert process.stderr is not None
        self._terminals.append((block, process, asyncio.create_task(process.stderr.read())))
        return process

    async def type(self, text: str) -> None:
        """Commands that end; they must all be done.

        Raises:
            AssertionError: one of them was not; with what it said.
        """
        assert BASH is not None
        shell = await asyncio.create_subprocess_exec(
            BASH, "-euo", "pipefail", "-c", text, env=self._environ, cwd=self._place, stdin=DEVNULL, stdout=PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out = asyncio.create_task(shell.communicate())
        try:
            async with asyncio.timeout(STEP_SECONDS):
                self.said = (await asyncio.shield(out))[0].decode()
        except TimeoutError:
            shell.kill()
            raise AssertionError(f"it does not end: {text}\n{(await out)[0].decode()}") from None
        assert shell.returncode == 0, f"{text}\n{self.said}"

    async def leave(self) -> None:
        """Ctrl-C in each terminal, the last one first; each must end cleanly."""
        for block, process, errors in reversed(self._terminals):
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
            async with asyncio.timeout(STEP_SECONDS):
                code = await process.wait()
            assert code == 0, f"{block.place}: {(await errors).decode()}"

    def kill(self) -> None:
        """Whatever is left."""
        for _, process, _ in self._terminals:
            if process.returncode is None:
                process.kill()


async def follow(reader: Reader) -> None:
    """The page, from its top to its end."""
    typed = ""
    for block in PAGE:
        if kind(block) == "ends":
            typed += block.text
        elif kind(block) == "stays":
            if typed:
                await reader.type(typed)
            typed = ""
            process = await reader.start(block)
            if "sandbox" in block.text:  # the page says to wait for its word
                assert process.stdout is not None
                async with asyncio.timeout(STEP_SECONDS):
                    assert await process.stdout.readline()
    await reader.type(typed)


@pytest.mark.timeout(600)  # a slow machine may take its time with seven processes
async def test_the_page_alone_leads_to_a_sale(tmp_path: Path, postgresql_directory: Path) -> None:
    """Processes on PostgreSQL against the sandbox's Stripe: the webhook comes, the mail goes, the bot lets in."""
    world, shop = free_origin(), free_origin()
    async with postgresql_database(postgresql_directory, "template1") as database_url:  # what its reader is to make
        own = given(
            {
                "WORLD_PORT": world.rpartition(":")[2],
                "SHOP_PORT": shop.rpartition(":")[2],
                "DATABASE_URL": database_url,
            }
        )
        reader = Reader(
            tmp_path, {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*", **own}
        )
        try:
            await follow(reader)
            assert "has access" in reader.said
            assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
            async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(STEP_SECONDS):
                while "Добро пожаловать" not in (await client.get(f"{world}/telegram/chat/{ANNA}")).text:
                    await asyncio.sleep(0.1)  # the bot says so after it is recorded
                while not (mails := (await client.get(f"{world}/mail")).text.count("anna@example.com")):
                    await asyncio.sleep(0.1)
            assert mails == 1
            await reader.leave()
        finally:
            reader.kill()


def test_every_block_of_the_page_has_its_place() -> None:
    """What is typed and not marked is only what makes the reader's machine ready."""
    marked = [block.text for block in PAGE]
    unmarked = [b.text for b in read(DOCS / "trial.md").blocks if b.language == "sh" and b.text not in marked]
    made_ready = """
python3 -m pip install '.[sandbox]' -c constraints.txt
createdb --template=template0 --encoding=UTF8 --locale=C paywall
"""
    assert unmarked == [made_ready.lstrip()]
    assert [kind(block) for block in PAGE].count("stays") == 4
