"""`paywall sandbox` as a real process: one address, a purchase behind it, a clean end, none of the user's settings."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from dotenv import dotenv_values

PAYWALL = Path(sys.executable).with_name("paywall")
ANNA = 1001
EMAIL = "anna.petrova@example.com"
# What a developer may have around. The sandbox must start as if it were not there.
USERS_OWN = {
    "STRIPE_SECRET_KEY": "sk_live_of_the_user",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "DATABASE_URL": "postgresql+asyncpg://user:hunter2@127.0.0.1:9/production",
    "TOKEN_SECRET": "too short",
    "BOT_MODE": "carrier pigeon",
    "BOT_PAY_URL": "https://pay.example.com/elsewhere",
    "SMTP_HOST": "smtp.example.com",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
}


class Command:
    """The running command, and what it has printed so far."""

    def __init__(self, process: Process, invitation: str, product: str) -> None:
        self.process, self.invitation, self.product = process, invitation, product
        self.world = re.findall(r"https?://\S+", invitation)[0]

    async def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Stop it: its exit code, what else it said, and its log."""
        self.process.send_signal(number)
        out, err = await self.process.communicate()
        return self.process.returncode or 0, out.decode(), err.decode()


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def everything_in(directory: Path) -> list[str]:
    """The names of all files and directories below."""
    return sorted(path.name for path in directory.rglob("*"))


async def start(directory: Path, *options: str, **environ: str) -> Process:
    """Start `paywall sandbox`; its working and temporary directories are the test's."""
    (directory / "temporary").mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(directory / "temporary"), **environ}
    return await asyncio.create_subprocess_exec(
        str(PAYWALL), "sandbox", *options, env=environment, cwd=directory, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def running(directory: Path, *options: str, **environ: str) -> AsyncIterator[Command]:
    """The command, once it has said that it is ready."""
    port, product_port = free_ports()
    ports = ("--port", str(port), "--product-port", str(product_port))
    process = await start(directory, *ports, *options, **environ)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        if not line:
            pytest.fail((await process.communicate())[1].decode())
        yield Command(process, line, f"http://127.0.0.1:{product_port}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def buy(command: Command) -> str:
    """A purchase without a browser, over the same forms; gives the activation token."""
    async with httpx.AsyncClient(follow_redirects=True, trust_env=False) as client:
        form = {"plan": "one_time_basic", "email": EMAIL, "locale": "ru", "clickid": "click-1"}
        checkout = await client.post(f"{command.product}/pay", data=form)
        success = await client.post(checkout.url, data={"choice": "card"})
        async with asyncio.timeout(20):
            while (link := re.search(r'href="([^"]+/t\.me/[^"]+)"', success.text)) is None:
                await asyncio.sleep(0.1)
                success = await client.get(success.url)
    assert link[1].startswith(command.world)
    return parse_qs(urlsplit(link[1]).query)["start"][0]


async def press_start(command: Command, token: str) -> str:
    """Open the link in the chat; gives the chat once the bot has welcomed."""
    async with httpx.AsyncClient(base_url=command.world, follow_redirects=True, trust_env=False) as client:
        await client.post("/t.me/paywall_sandbox_bot", data={"user_id": str(ANNA), "start": token})
        async with asyncio.timeout(20):
            while "Добро пожаловать" not in (chat := (await client.get(f"/telegram/chat/{ANNA}")).text):
                await asyncio.sleep(0.1)
    return chat


@pytest.mark.parametrize(("mode", "number"), [("polling", signal.SIGTERM), ("webhook", signal.SIGINT)])
async def test_sandbox_is_whole_and_leaves_nothing(tmp_path: Path, mode: str, number: int) -> None:
    """One line with one address; a purchase up to the open gate; a clean end; the user's settings play no part."""
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in USERS_OWN.items()))
    async with running(tmp_path, "--bot-mode", mode, LOG_FORMAT="json", **USERS_OWN) as command:
        token = await buy(command)
        await press_start(command, token)
        async with httpx.AsyncClient(trust_env=False) as client:
            console = (await client.get(command.world)).text
        assert EMAIL in console
        assert 'data-state="active"' in console
        code, out, log = await command.end(number)
    assert (code, out) == (0, "")
    assert len(re.findall(r"https?://", command.invitation)) == 1
    assert command.invitation.endswith("\n")
    assert everything_in(tmp_path) == [".env", "temporary"]
    lines = [json.loads(line) for line in log.splitlines()]
    assert "webhook.recorded" in [line["event"] for line in lines]
    for secret in (token, EMAIL, "hunter2", "sk_live_of_the_user", "sk_test_", "whsec_", "Traceback"):
        assert secret not in log


async def test_kept_database_goes_on_where_it_was(tmp_path: Path) -> None:
    """Its orders are there, and the links that were given out before still open."""
    async with running(tmp_path, "--data", "kept") as command:
        token = await buy(command)
        assert (await command.end())[0] == 0
    assert (tmp_path / "kept" / "sandbox-keys.json").stat().st_mode & 0o777 == 0o600
    async with running(tmp_path, "--data", "kept") as command:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert EMAIL in (await client.get(command.world)).text
        await press_start(command, token)
        assert (await command.end())[0] == 0
    assert everything_in(tmp_path / "temporary") == []


async def test_world_alone_keeps_its_keys_and_never_overwrites_settings(tmp_path: Path) -> None:
    """With `--settings` there is no product; with `--data` the next run leads the same one to it."""
    written = list[dict[str, str | None]]()
    for name in ("first.env", "second.env"):
        async with running(tmp_path, "--settings", name, "--data", "kept") as command:
            assert command.world in command.invitation
            written.append(dotenv_values(tmp_path / name))
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(command.world)).status_code == 200
                with pytest.raises(httpx.ConnectError):
                    await client.get(f"{command.product}/health")
            assert written[-1]["APP_PUBLIC_BASE_URL"] == command.product
            assert (await command.end())[0] == 0
    first, second = written
    assert {name for name in first if "SECRET" in name or "TOKEN" in name} > {"TOKEN_SECRET", "BOT_TOKEN"}
    assert [name for name in first if ("SECRET" in name or "TOKEN" in name) and first[name] != second[name]] == []


@pytest.mark.parametrize("option", ["--port", "--product-port"])
async def test_port_that_is_taken_is_one_line_that_names_the_option(tmp_path: Path, option: str) -> None:
    """No traceback, exit code 2, nothing printed as if it ran."""
    ports = dict(zip(("--port", "--product-port"), map(str, free_ports()), strict=True))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports[option] = str(taken.getsockname()[1])
        process = await start(tmp_path, *(word for pair in ports.items() for word in pair))
        out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert f"port {ports[option]} cannot be used" in err.decode()
    assert err.decode().endswith(f"by {option}\n")
    assert err.count(b"\n") == 1
    assert everything_in(tmp_path / "temporary") == []


@pytest.mark.parametrize(
    ("options", "environ", "words"),
    [
        (("--data", "file/below"), {}, "--data"),
        (("--data", "damaged"), {}, "sandbox-keys.json"),
        (("--settings", "file"), {}, "file is there already: name another file by --settings"),
        (("--settings", "file/below"), {}, "cannot be written"),
        ((), {"LOG_FORMAT": "xml"}, "LOG_FORMAT is malformed"),
        ((), {"PYTHONPATH": "without"}, "paywall[sandbox]"),
    ],
)
async def test_what_cannot_run_is_one_line(
    tmp_path: Path, options: tuple[str, ...], environ: dict[str, str], words: str
) -> None:
    """A directory that is a file, damaged keys, a file that is there, a malformed setting, no sandbox installed."""
    (tmp_path / "file").touch()
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "sandbox-keys.json").write_text("{}")
    (tmp_path / "without").mkdir()
    missing = "raise ModuleNotFoundError('no mail server here', name='aiosmtpd')\n"
    (tmp_path / "without" / "aiosmtpd.py").write_text(missing)
    process = await start(tmp_path, "--port", "0", "--product-port", "0", *options, **environ)
    out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert err.startswith(b"paywall: ")
    assert words in err.decode()
    assert err.count(b"\n") == 1
