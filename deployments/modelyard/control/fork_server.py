"""The fork server: a process that has imported what Ray's workers need, and becomes each of them by fork(2).

A worker that starts as a new interpreter imports for one to two seconds, and shares none of that memory. A fork has all of it at
once, and shares the pages that it does not write to. The raylet starts `fork_client.py` as a worker, which sends its arguments,
environment and standard files here.

A fork has only the thread that called fork(2). So a module that starts threads must not be imported here.
"""

import argparse
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from modelyard.control.light_imports import import_serve

MODULES = (
    "ray.serve._private.controller",
    "ray.serve._private.haproxy",
    "ray.serve._private.proxy",
    "ray.serve._private.replica",
    "modelyard.gateway.deployment",
    "modelyard.replica.deployment",
    "modelyard.replica.pool_deployment",
    "modelyard.http.install",
)
"""What every worker of Ray Serve or modelyard imports. Frameworks follow by the standard input."""
FIXED = ("RAY_JOB_ID", "RAY_RAYLET_PID")
"""Environment variables that Ray reads when it is imported, so a fork has those of the fork server; see `worker_forks`."""
CLIENT_S = 5.0
"""How long a client may take to send its request."""
READY = b"ready"
STANDARD_FILES = 3


class Request(NamedTuple):
    """What a new worker runs: a script with its arguments, as the raylet started the client."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    oom_score: str
    """The client's /proc/self/oom_score_adj, which the raylet has set."""
    files: list[int]
    """The client's standard input, output and error."""


def main() -> None:
    """Import, then fork for every client, until the standard input ends. Its lines are further modules to import."""
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=int, help="the file descriptor of a socket that listens")
    parser.add_argument("space", help="ignored: Ray writes the title of a worker over the arguments of its process")
    inherited = {*os.environ}
    listener = socket.socket(fileno=parser.parse_args().socket)
    listener.set_inheritable(False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the workers
    with ids_of_the_kernel():
        import_serve()
        for name in MODULES:
            importlib.import_module(name)
    if request := serve(listener, sys.stdin.fileno()):
        become(request, {name: value for name, value in os.environ.items() if name not in inherited})


@contextmanager
def ids_of_the_kernel() -> Iterator[None]:
    """Give Ray the ids of actor classes from the kernel's random numbers.

    Ray's own generator is seeded when it is first used. If that were before the fork, all workers would draw the same ids.
    """

    actor: Any = importlib.import_module("ray.actor")
    ids = actor.ActorClassID

    class FromKernel:
        @staticmethod
        def from_random() -> object:
            return ids(os.urandom(ids.size()))

    actor.ActorClassID = FromKernel
    try:
        yield
    finally:
        actor.ActorClassID = ids


def serve(listener: socket.socket, commands: int) -> Request | None:
    """Fork for every client. Returns the request in the fork, and None in this process when `commands` ends."""
    freeze()
    poll = select.poll()
    for each in (listener.fileno(), commands):
        poll.register(each, select.POLLIN)
    while True:
        readable = {descriptor for descriptor, _ in poll.poll()}
        if commands in readable:
            lines = os.read(commands, 65536)
            if not lines:
                return None
            for name in lines.decode().split():
                with suppress(ImportError):  # the worker that needs it reports the reason
                    importlib.import_module(name)
            freeze()
        if listener.fileno() in readable and (request := answer(listener)):
            return request


def freeze() -> None:
    """Keep the garbage collector of the forks from writing to what they share."""
    gc.collect()
    gc.freeze()


def answer(listener: socket.socket) -> Request | None:
    """Fork for the next client, which gets the process id. Returns the request in the fork, and None in this process.

    A client that closes its connection before it has the process id starts its worker in another way.
    """
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(CLIENT_S)
        try:
            connection.sendall(READY)
            request = receive(connection)
        except (OSError, ValueError):
            return None
        try:
            pid = os.fork()
        except OSError:  # no memory, or too many processes
            pid = -1
        if pid == 0:
            listener.close()
            return request
        for file in request.files:
            os.close(file)
        if pid > 0:
            with suppress(OSError):
                connection.sendall(str(pid).encode())
    return None


def receive(connection: socket.socket) -> Request:
    """A client's request. Raises OSError, and ValueError for one that is not whole."""
    data, files, _, _ = socket.recv_fds(connection, 65536, STANDARD_FILES)
    try:
        while more := connection.recv(65536):
            data += more
        command, environment, folder, oom_score = json.loads(data)
        if len(files) != STANDARD_FILES:
            raise ValueError("no standard files")
        return Request(command, environment, folder, oom_score, files)
    except BaseException:
        for file in files:
            os.close(file)
        raise


def become(request: Request, set_by_imports: Mapping[str, str]) -> None:
    """Run the client's script in this process, which is a fork of the fork server.

    Modules set environment variables when they are imported; the script would find these if it imported them itself.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # The raylet puts each worker that it starts into a process group of its own, and kills the group when the worker has died:
    # so HAProxy ends with its manager.
    os.setpgid(0, 0)
    for target, file in enumerate(request.files):
        os.dup2(file, target)
        os.close(file)
    read_already = {name: os.environ[name] for name in FIXED if name in os.environ}
    os.environ.clear()
    os.environ.update({**set_by_imports, **request.environment, **read_already})
    os.chdir(request.folder)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(request.oom_score)
    reseed()
    sys.argv = request.command
    runpy.run_path(request.command[0], run_name="__main__")


def reseed() -> None:
    """Forks would draw the same numbers from numpy's global generator. Python reseeds its own after a fork."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


if __name__ == "__main__":
    main()
