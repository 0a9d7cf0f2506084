"""The doctor's word on a sandbox, as an operator sees it: nothing is broken; and its picture for the docs."""

import asyncio
import html
import os
import sys
from pathlib import Path

import pytest

from tests.pages.conftest import NewPhone
from tests.pages.walk import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAYWALL = Path(sys.executable).with_name("paywall")
TERMINAL = """<body style="margin: 0; background: #1e1e1e; color: #d4d4d4"><pre style="margin: 0; padding: 16px;
font: 13px/1.45 'DejaVu Sans Mono', monospace">$ paywall doctor\n{}</pre></body>"""


async def test_nothing_is_broken_in_a_sandbox(new_phone: NewPhone, tmp_path: Path) -> None:
    """Each setting is proven against the loopback's Stripe, Telegram, mail and trackers."""
    phone = await new_phone()
    sandbox = phone.sandbox
    environ = {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "*",
        "COLUMNS": "116",
        "TTY_COMPATIBLE": "1",
        "NO_COLOR": "1",
        **sandbox.world.product_environment(product_url=sandbox.product_url),
        "DATABASE_URL": sandbox.database_url,
    }
    process = await asyncio.create_subprocess_exec(
        PAYWALL, "doctor", env=environ, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    out, _ = await process.communicate()
    found = out.decode()
    assert process.returncode == 0, found
    assert "✗" not in found
    assert "Stripe webhook events" in found
    await phone.page.set_viewport_size({"width": 960, "height": 200})
    await phone.page.set_content(TERMINAL.format(html.escape(found.replace(str(tmp_path), "…"))))
    height = await phone.page.evaluate("Math.ceil(document.querySelector('pre').getBoundingClientRect().height)")
    await phone.page.set_viewport_size({"width": 960, "height": height})
    await picture(phone.page, "doctor")
