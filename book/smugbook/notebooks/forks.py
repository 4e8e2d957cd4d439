"""Commands and kernels in forks of one process that has imported everything: `smugbook.standby`.

Importing torch, pandas and matplotlib takes longer than most chapters of a small profile, and a
chapter does it twice. While a workflow runs, that process stands by; `hand_over` gives a command to
it and stays in the command's place: it passes signals on, ends with the command's exit code, and
takes the command with it when it is killed.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "SMUGBOOK_FORKS"
"""Environment variable with the socket of the process, if one stands by."""

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def standby() -> Iterator[None]:
    """Let a process stand by in the block, for the commands that are started there."""
    # Elsewhere, forking a process that has loaded torch is not safe.
    if sys.platform != "linux" or VARIABLE in os.environ:
        yield
        return
    command = [sys.executable, "-m", "smugbook.standby"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        os.environ[VARIABLE] = process.stdout.readline().strip()
        try:
            yield
        finally:
            del os.environ[VARIABLE]
            process.communicate()  # its standard input ends, and so does it


def hand_over(path: str, kind: str, arguments: Sequence[str]) -> int | None:
    """Run ``kind``, command or kernel, in a fork; None if nobody stands by at the socket."""
    parent, connection = os.getppid(), socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        return None
    request = {
        "kind": kind,
        "arguments": list(arguments),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
    }
    body = json.dumps(request).encode()
    socket.send_fds(connection, [len(body).to_bytes(8, "big")], [0, 1, 2])
    connection.sendall(body)
    for number in PASSED_ON:
        signal.signal(number, lambda received, _: connection.sendall(bytes([received])))
    while not select.select([connection], [], [], 1.0)[0]:
        if os.getppid() != parent:
            return 1
    answer = connection.recv(1)
    return answer[0] if answer else 1


if __name__ == "__main__":
    raise SystemExit(hand_over(sys.argv[1], "kernel", sys.argv[2:]))
