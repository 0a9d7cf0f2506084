"""Build the image of deploy/ and run it as in production: read-only, without rights, as its own user, until SIGTERM.

Needs Docker or Podman with an engine that answers, and the internet for base image and packages. Options go to `build`,
such as `--build-arg PYTHON_IMAGE=…`. Exit code 1, with the reason, where there is no engine or something is wrong.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
NAME = "paywall-try-image"
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:size=16m")  # noqa: S108  - a container's
SETTINGS = {
    "APP_PUBLIC_BASE_URL": "https://pay.example.com",
    "INTERNAL_API_TOKEN": "an-internal-token-of-tests",
    "TOKEN_SECRET": "a-token-secret-of-tests",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
    "STRIPE_PRICE_SUB_MONTHLY": "price_2",
    "BOT_USERNAME": "paywall_bot",
}
MOST_MEGABYTES = 400
READY_SECONDS = 60


def engine() -> str:
    """The program of an engine that answers."""
    for program in ("docker", "podman"):
        found = shutil.which(program)
        if found and subprocess.run([found, "info"], capture_output=True, check=False).returncode == 0:  # noqa: S603  - theirs
            return found
    sys.exit("no container engine answers: neither `docker info` nor `podman info` succeeds. Nothing was built or run.")


def run(*words: str) -> str:
    """What a command of the engine prints; its failure ends everything."""
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  - ours
    if done.returncode != 0:
        sys.exit(f"{' '.join(words[:3])} … failed with {done.returncode}")
    return done.stdout.strip()


def expect(what: str, seen: object, wanted: object) -> None:
    """One line for what was looked at; another answer ends everything."""
    sys.stdout.write(f"{what}: {seen}\n")
    if seen != wanted:
        sys.exit(f"{what} should be {wanted}")


def until_healthy(program: str) -> None:
    """Until the image's own health check has gone well."""
    ends = time.monotonic() + READY_SECONDS
    words = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/health/ready', timeout=4).status)"
    while time.monotonic() < ends:
        asked = subprocess.run([program, "exec", NAME, "python", "-c", words], capture_output=True, check=False)  # noqa: S603  - ours
        if asked.returncode == 0:
            return
        time.sleep(0.5)
    sys.exit(run(program, "logs", NAME) + f"\nnot ready after {READY_SECONDS} seconds")


def main() -> None:
    """Build, look at it, run the schema's migration and the API on a volume, and stop it."""
    program = engine()
    run(program, "build", "-f", "deploy/Dockerfile", "-t", NAME, *sys.argv[1:], ".")
    size = int(run(program, "image", "inspect", "-f", "{{.Size}}", NAME)) // 1_000_000
    expect(f"at most {MOST_MEGABYTES} MB ({size})", size <= MOST_MEGABYTES, wanted=True)
    expect("user", run(program, "image", "inspect", "-f", "{{.Config.User}}", NAME), "10001:10001")
    once = (program, "run", "--rm", *HARDENED)
    expect("help", run(*once, NAME, "--help").splitlines()[0], "Usage: paywall [OPTIONS] COMMAND [ARGS]...")
    ids = "import os; print(os.getuid(), os.getgid())"
    expect("ids", run(*once, "--entrypoint", "python", NAME, "-c", ids), "10001 10001")
    tools = "import shutil; print([t for t in ('pip', 'gcc', 'cc', 'make', 'git') if shutil.which(t)])"
    expect("tools", run(*once, "--entrypoint", "python", NAME, "-c", tools), "[]")
    settings = [word for name, value in SETTINGS.items() for word in ("-e", f"{name}={value}")]
    kept = (*HARDENED, "-v", f"{NAME}:/var/lib/paywall", *settings)
    try:
        expect("migrate", run(program, "run", "--rm", *kept, NAME, "migrate"), "schema is current")
        run(program, "run", "-d", "--name", NAME, *kept, NAME, "api", "--drain", "1")
        until_healthy(program)
        run(program, "stop", NAME)
        expect("exit code after SIGTERM", run(program, "inspect", "-f", "{{.State.ExitCode}}", NAME), "0")
    finally:
        for words in (("rm", "-f", NAME), ("volume", "rm", "-f", NAME)):
            subprocess.run([program, *words], capture_output=True, check=False)  # noqa: S603  - as above


if __name__ == "__main__":
    main()
