"""Processes of their own for the mutants: forked, limited, and awaited."""

import mmap
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mutation.mutants import Mutant

KILLED, SURVIVED, TIMEOUT = "killed", "survived", "timeout"
MEMORY: Final = 4 * 2**30
ASLEEP: Final = 6
"""A mutant hangs too when so many times its limit passes on the wall: it waits for what never comes."""
HUNG: Final = (-signal.SIGPROF, -signal.SIGALRM)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a mutant ended, and the test that noticed it."""

    what: str
    test: str


class Pool:
    """Mutants in processes of their own, a few at a time."""

    def __init__(self, size: int, ended: Callable[[Mutant, Outcome], None]) -> None:
        self.size = size
        self.ended = ended
        self.running: dict[int, tuple[Mutant, mmap.mmap]] = {}

    def start(self, mutant: Mutant, work: Callable[[Callable[[str], None]], int], limit: float) -> None:
        """Run it, when a place is free. The work is given a way to say which test noticed it."""
        while len(self.running) >= self.size:
            self._wait()
        slip = mmap.mmap(-1, 1024)  # shared with the child

        def note(test: str) -> None:
            slip[:] = test.encode()[:1024].ljust(1024)

        self.running[fork(lambda: work(note), limit, quiet=True)] = (mutant, slip)

    def finish(self) -> None:
        """Wait for those that still run."""
        while self.running:
            self._wait()

    def _wait(self) -> None:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        what = SURVIVED if code == 0 else TIMEOUT if code in HUNG else KILLED
        mutant, slip = self.running.pop(pid)
        self.ended(mutant, Outcome(what=what, test=slip[:].strip(b"\0 ").decode()))
        slip.close()


def fork(work: Callable[[], int], limit: float, *, quiet: bool) -> int:
    """A child that does the work and ends with its answer; killed when it takes longer than its limit in seconds."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, limit)  # processor time: a busy machine must not kill a mutant
        signal.setitimer(signal.ITIMER_REAL, ASLEEP * limit)
        if quiet:
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        code = work()
    except BaseException:  # noqa: BLE001  - whatever it is, it ends this process and no other
        traceback.print_exc()  # silent in a mutant's process
    finally:
        sys.stdout.flush()
        os._exit(code)
