"""The systemd units: options that exist, commands that exist, hardening, and the order of things."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.server import GRACEFUL_SECONDS
from tests.deploy.kit import DEPLOY, check_command

UNITS = DEPLOY / "systemd"
PAYWALL = "/opt/paywall/bin/paywall"
LONG = ("paywall-api@.service", "paywall-worker.service", "paywall-bot.service")
SERVICES = (*LONG, "paywall-migrate.service")
BEFORE = {
    "paywall-api@.service": "/usr/bin/env HTTP_HOST=127.0.0.1 HTTP_PORT=%i ",
    "paywall-worker.service": "/usr/bin/env METRICS_ADDRESS=127.0.0.1:9101 ",
    "paywall-bot.service": "/usr/bin/env METRICS_ADDRESS=127.0.0.1:9102 ",
    "paywall-migrate.service": "",
}
ANALYZE = shutil.which("systemd-analyze")

# From systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), as of systemd 252: those that we use.
KNOWN = {
    "Unit": "Description Documentation After Wants PartOf StartLimitIntervalSec",
    "Service": """
        Type RemainAfterExit Restart RestartSec TimeoutStartSec TimeoutStopSec ExecStart KillSignal
        User Group EnvironmentFile StateDirectory StateDirectoryMode WorkingDirectory UMask
        NoNewPrivileges ProtectSystem ProtectHome PrivateTmp PrivateDevices ProtectClock ProtectHostname
        ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectControlGroups ProtectProc ProcSubset
        RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID LockPersonality
        MemoryDenyWriteExecute RemoveIPC CapabilityBoundingSet AmbientCapabilities SystemCallArchitectures
        SystemCallFilter SystemCallErrorNumber
    """,
    "Install": "WantedBy",
}


def options(name: str) -> dict[str, dict[str, list[str]]]:
    """A unit's values by section and option; an option may come more than once.

    Raises:
        AssertionError: a line that is none of a unit file.
    """
    found = dict[str, dict[str, list[str]]]()
    section = ""
    for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
            continue
        option, sign, value = line.partition("=")
        assert sign, line
        assert option in KNOWN[section].split(), f"{name}: {option} is not known in [{section}]"
        found.setdefault(section, {}).setdefault(option, []).append(value)
    return found


@pytest.mark.parametrize("name", [*SERVICES, "paywall.target"])
def test_every_option_is_one_of_its_section(name: str) -> None:
    """A misspelt one would be ignored with no more than a line in the journal."""
    assert "Unit" in options(name)


def test_the_units_are_these() -> None:
    """None that no test looks at."""
    assert {path.name for path in UNITS.iterdir()} == {*SERVICES, "paywall.target"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_is_one(name: str) -> None:
    """Through the command line's own parser."""
    (line,) = options(name)["Service"]["ExecStart"]
    before, _, words = line.partition(f"{PAYWALL} ")
    assert check_command(words.split()) == re.split(r"[-@.]", name)[1]
    assert before == BEFORE[name]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_shut_in(name: str) -> None:
    """An own user, nothing to write but its state, no right to win."""
    service = options(name)["Service"]
    expected = {
        "User": "paywall", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
        "PrivateTmp": "yes", "PrivateDevices": "yes", "CapabilityBoundingSet": "", "StateDirectory": "paywall",
        "UMask": "0077", "EnvironmentFile": "/etc/paywall/paywall.env",
        "WorkingDirectory": "/var/lib/paywall",
    }  # fmt: skip
    assert {option: service[option] for option in expected} == {option: [value] for option, value in expected.items()}


@pytest.mark.parametrize("name", LONG)
def test_what_runs_for_long_comes_back_and_ends_gracefully(name: str) -> None:
    """Whatever made it end; after the migration, and again and again when that is not there yet."""
    unit = options(name)
    assert unit["Service"]["Restart"] == ["always"]
    assert unit["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert "paywall-migrate.service" in unit["Unit"]["Wants"]
    assert "paywall-migrate.service" in unit["Unit"]["After"]
    assert unit["Unit"]["PartOf"] == ["paywall.target"]
    (words,) = unit["Service"]["ExecStart"]
    drain = re.search(r"--drain (\d+)", words)
    assert (drain is not None) == ("@" in name)
    assert int(unit["Service"]["TimeoutStopSec"][0]) > GRACEFUL_SECONDS + (int(drain[1]) if drain else 0)


def test_the_migration_runs_once() -> None:
    """And again only until it has gone well."""
    service = options("paywall-migrate.service")["Service"]
    assert (service["Type"], service["RemainAfterExit"], service["Restart"]) == (["oneshot"], ["yes"], ["on-failure"])


def test_the_target_wants_every_part() -> None:
    """Two APIs, on the ports that the proxy asks by default."""
    (wanted, _network) = options("paywall.target")["Unit"]["Wants"]
    apis = re.findall(r"paywall-api@(\d+)\.service", wanted)
    proxy = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    assert len(apis) == 2
    assert " ".join(f"127.0.0.1:{port}" for port in apis) in proxy
    assert {"paywall-worker.service", "paywall-bot.service"} <= set(wanted.split())


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd: the parser above has looked at the options")
def test_systemd_itself_finds_nothing(tmp_path: Path) -> None:
    """`systemd-analyze verify` on copies whose program is one that is here."""
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8").replace(PAYWALL, str(Path(sys.executable).with_name("paywall")))
        (tmp_path / path.name.replace("@", "@8001")).write_text(text, encoding="utf-8")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    names = sorted(path.name for path in tmp_path.iterdir() if "@." not in path.name)
    done = subprocess.run(  # noqa: S603  - our own units
        [ANALYZE or "", "verify", "--man=no", *names], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "paywall" in line]) == (0, [])
