"""Ties a process to its supervisor, then becomes what it was asked to be.

`python -IS tether.py SUPERVISOR_PID COMMAND…`. On Linux the kernel then ends the command when the supervisor ends, even
by SIGKILL. The standard library only: this runs once more for every part that starts.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie, then execute."""
    supervisor, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != supervisor:  # it ended before the tie was made
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    main()
