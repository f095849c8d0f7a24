"""The raylet runs this script to start a worker: `fork_client.py SOCKET WORKER_SCRIPT ...`.

It has the fork server run the worker's script in a fork, and ends. If there is no fork server, the worker starts in this process.
"""
# ruff: noqa: PTH109, PTH123 - pathlib takes as long to import as all of this together, at every start of a worker

import json
import os
import socket
import sys

CONNECT_S = 20.0
"""For the fork server to accept: at its start it imports first."""


def main() -> None:
    """Start the worker."""
    place, *command = sys.argv[1:]
    if not forked(place, command):
        os.execv(sys.executable, [sys.executable, *command])  # noqa: S606 - the raylet's command


def forked(place: str, command: list[str]) -> bool:
    """Whether the fork server has started the worker."""
    with open("/proc/self/oom_score_adj") as file:
        oom_score = file.read().strip()
    request = json.dumps([command, dict(os.environ), os.getcwd(), oom_score]).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(CONNECT_S)
        try:
            connection.connect(place)
            if not connection.recv(64):
                return False
            # From here on the fork server may have forked. It either answers or closes the connection.
            connection.settimeout(None)
            sent = socket.send_fds(connection, [request], [0, 1, 2])
            connection.sendall(request[sent:])
            connection.shutdown(socket.SHUT_WR)
            return bool(connection.recv(64))
        except OSError:
            return False


if __name__ == "__main__":
    main()
