"""Coverage-guided fuzzing of what takes input from outside. Needs `atheris` (the dependency group `fuzz`).

    python fuzz/run.py [--seconds 60] [webhook signature token settings tracking start updates polling]

Each target runs so many seconds, with the seeds of `fuzz/seeds/TARGET` (and what it found by itself, which is kept
nowhere). Prints executions, covered edges, and crashes; the exit code is 1 if there was one. A crash's input is written
to `fuzz/crashes/TARGET-…`: make a named regression test of it in `tests/integration/hostile`.
"""

import argparse
import asyncio
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from json_mutator import mutate

HERE: Final = Path(__file__).resolve().parent
TARGETS: Final = ("webhook", "signature", "token", "settings", "tracking", "start", "updates", "polling")
_INSIDE: Final = "--inside"
"""Asks for one target in this very process; libFuzzer's own arguments follow its name."""

_JSON: Final = ("webhook", "tracking", "updates", "polling")
_MAX_BYTES: Final = 8192


def main() -> int:
    """Run the targets one after the other."""
    if sys.argv[1:2] == [_INSIDE]:
        _fuzz(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing.")
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    given = parser.parse_args()
    unknown = set(given.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    crashed = [name for name in given.targets or TARGETS if not _watch(name, given.seconds)]
    return 1 if crashed else 0


def _watch(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own; whether it survived."""
    crashes = HERE / "crashes"
    crashes.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as found:
        command = [sys.executable, str(Path(__file__).resolve()), _INSIDE, name]
        command += [f"-max_total_time={seconds}", f"-max_len={_MAX_BYTES}", f"-artifact_prefix={crashes}/{name}-"]
        command += ["-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1", found, str(HERE / "seeds" / name)]
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603  - ours
    said = run.stdout + run.stderr
    executions = re.findall(r"stat::number_of_executed_units:\s*(\d+)", said) or re.findall(
        r"^#(\d+)", said, re.MULTILINE
    )
    covered = [int(number) for number in re.findall(r"\bcov: (\d+)", said)]
    first, last = (covered[0], covered[-1]) if covered else (0, 0)
    survived = run.returncode == 0 and bool(executions)
    print(
        f"{name}: {executions[-1] if executions else 0} executions, {last} edges covered ({last - first} new), "
        f"{'no crash' if survived else 'CRASHED'}",
        flush=True,
    )
    if not survived:
        print(said[-6000:], file=sys.stderr)
    return survived


def _fuzz(name: str, flags: list[str]) -> None:
    """Inside the process: instrument the product, then never come back."""
    import atheris  # noqa: PLC0415  - only where something is fuzzed

    sys.path.insert(0, str(HERE.parent))
    with atheris.instrument_imports(include=["adapters", "paywall_core", "entrypoints"]):
        check = _check(name)
    logging.disable(logging.CRITICAL)

    def change(data: bytes, max_size: int, seed: int) -> bytes:
        # Atheris has no `Mutate` that works until it fuzzes.
        return mutate(data, max_size, seed, lambda some, most: bytes(atheris.Mutate(some, most)))

    atheris.Setup([sys.argv[0], *flags], check, **({"custom_mutator": change} if name in _JSON else {}))
    atheris.Fuzz()


def _check(name: str) -> Callable[[bytes], None]:
    """What a target does with bytes."""
    import structlog  # noqa: PLC0415  - as above
    from tests.integration.hostile import raw  # noqa: PLC0415  - what it imports has to be instrumented

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    return raw.checks(asyncio.Runner())[name]


if __name__ == "__main__":
    sys.exit(main())
