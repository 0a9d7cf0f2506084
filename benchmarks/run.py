"""Our service under load, beside the bare limit and the usual stack, in one run: only the ratios carry over.

    python -m benchmarks.run [--orders 10000,1000000] [--rounds 5] [--seconds 5] [--out NAME]
    python -m benchmarks.run --growth --orders 10000,1000000,10000000
    python -m benchmarks.run --processes 2
    python -m benchmarks.run --scaled 2
    python -m benchmarks.run --burst 10000
    python -m benchmarks.run --soak 3600

What each layout does, and what its figures do not say, is in benchmarks/README.md. With `--out`, the figures go to
benchmarks/results/NAME.json and drawings of them to docs/images/benchmark-NAME-….png.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks import databases, layouts, plots, report, scaled
from benchmarks.options import Options
from benchmarks.servers import ROOT


def main() -> None:
    """Measure, print, and write where that is asked for."""
    arguments = _parser().parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not there: run `apt-get install wrk` as root")
    if arguments.scaled and (package := scaled.missing()):
        sys.exit(f"{package} is not there: run `apt-get install {package}` as root")
    with tempfile.TemporaryDirectory(prefix="paywall-benchmark-", dir=arguments.directory) as name:
        directory = Path(name)
        directory.chmod(0o755)  # under root PostgreSQL runs as another user
        options = Options(
            directory=directory,
            databases=tuple(arguments.databases.split(",")),
            orders=tuple(int(count) for count in arguments.orders.split(",")),
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            connections=arguments.connections,
            server=arguments.server,
            service=arguments.service,
            limits=arguments.limits == "on",
            starts=arguments.starts,
            ours=dict(setting.split("=", 1) for setting in arguments.ours),
            postgresql=dict(setting.split("=", 1) for setting in arguments.postgresql),
        )
        shown = {
            key: value for key, value in vars(arguments).items() if value and key not in ("directory", "out", "service")
        }
        found = report.new_report(_layout(arguments), shown, databases.fsync_milliseconds(directory))
        asyncio.run(_run(arguments, options, found))
    if arguments.out:
        report.write(found, ROOT / "benchmarks" / "results" / f"{arguments.out}.json")
        plots.draw(found, ROOT / "docs" / "images", arguments.out)


async def _run(arguments: argparse.Namespace, options: Options, found: report.Report) -> None:
    if arguments.growth:
        await layouts.growth(options, found)
    elif arguments.processes > 1:
        await layouts.processes(options, found, arguments.processes)
    elif arguments.scaled:
        await layouts.scaled(options, found, arguments.scaled)
    elif arguments.burst:
        await layouts.burst(options, found, arguments.burst)
    elif arguments.soak:
        await layouts.soak(options, found, arguments.soak)
    else:
        await layouts.calls(options, found)


def _layout(arguments: argparse.Namespace) -> str:
    for name in ("growth", "scaled", "burst", "soak"):
        if getattr(arguments, name):
            return name
    return "processes" if arguments.processes > 1 else "calls"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Our service under load, beside the bare limit and the usual stack.")
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument("--growth", action="store_true", help="ours alone, with each number of --orders in turn")
    layout.add_argument("--processes", type=int, default=1, help="so many API processes against one")
    layout.add_argument(
        "--scaled", type=int, default=0, help="so many API processes with PgBouncer, Redis and a balancer against one"
    )
    layout.add_argument("--burst", type=int, default=0, help="so many purchases' webhooks at once, with a worker")
    layout.add_argument("--soak", type=int, default=0, metavar="SECONDS", help="does memory grow under lasting load?")
    parser.add_argument("--orders", default="10000", help="orders to fill the database with, comma-separated")
    parser.add_argument("--databases", default="postgresql,sqlite", help="which (default: postgresql,sqlite)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--server", choices=("uvicorn", "granian"), default="uvicorn", help="of the references")
    parser.add_argument(
        "--limits", choices=("on", "off"), default="on", help="whether ours counts its callers' requests"
    )
    parser.add_argument(
        "--starts", type=int, default=3, help="starts of each server that its start-up time is taken of"
    )
    parser.add_argument(
        "--service",
        default=str(Path(sys.executable).with_name("paywall")),
        help="the program `paywall` that is measured (default: this environment's)",
    )
    parser.add_argument("--ours", action="append", default=[], metavar="NAME=VALUE", help="a further setting of ours")
    parser.add_argument(
        "--postgresql",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of PostgreSQL's that is not its default, such as shared_buffers=4GB",
    )
    parser.add_argument("--directory", help="where the databases live while it runs (default: the system's own)")
    parser.add_argument("--out", help="the name of what is written; without one, nothing is")
    return parser


if __name__ == "__main__":
    main()
