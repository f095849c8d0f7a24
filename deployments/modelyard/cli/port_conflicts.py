"""Reports ports that are in use, each with its key, its place, the process that uses it, and a free port."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.diagnostic import Diagnostic, SpecError, sorted_diagnostics
from modelyard.config.load import SERVER_FILE, Config
from modelyard.config.tree import Mapping, locate
from modelyard.control.port_owner import claim, owner
from modelyard.control.ports import bad_host, bad_port, free_ports, in_use

PORT_STEP, MAX_PORT = 10, 65535
"""Suggested ports stay together: 8010 to 8014 in place of 8000 to 8004."""


@contextmanager
def claimed_ports(config_dir: Path, config: Config) -> Iterator[None]:
    """Reserve the configuration's ports against other servers. Raises SpecError with each port that is in use or unavailable."""
    place = _ServerFile(config_dir / SERVER_FILE, config.server_node)
    found: list[Diagnostic] = []
    wanted = {port for _, _, port in config.server.listeners}
    with ExitStack() as claims:
        for key, host, port in config.server.listeners:
            if why := bad_host(host, port):
                found.append(place.diagnostic((key[0], "host"), why))
                continue
            if why := bad_port(host, port):
                found.append(place.diagnostic(key, why))
                continue
            mine, holder = claim(host, port)
            if mine is not None:
                claims.enter_context(mine)
            if mine is None or in_use(host, port):
                free = _free_beside(host, port, wanted)
                wanted.add(free)
                by = f" by {holder}" if (holder := holder or owner(port)) else ""
                found.append(place.diagnostic(key, f"{host}:{port} is in use{by}", free))
        if found:
            raise SpecError(sorted_diagnostics(found))
        yield


@dataclass(frozen=True, slots=True)
class _ServerFile:
    """Places in server.yaml."""

    file: Path
    root: Mapping | None

    def diagnostic(self, key: tuple[str, str], what: str, free: int | None = None) -> Diagnostic:
        """At the value, or about the whole file if the key is not in it. `free` is a port to suggest."""
        what, hint = f"{'.'.join(key)}: {what}", "" if free is None else f"{free} is free"
        section = self.root.entries.get(key[0]) if self.root else None
        if self.root is not None and isinstance(section, Mapping) and key[1] in section.entries:
            return locate(self.root, key)[1].diagnostic(what, hint)
        hint = f"this is the default; {hint}: write '{key[0]}: {{{key[1]}: {free}}}'" if hint else ""
        return Diagnostic(str(self.file), 0, 0, what, suggestion=hint)


def _free_beside(host: str, port: int, others: set[int]) -> int:
    beside = range(port + PORT_STEP, MAX_PORT + 1, PORT_STEP)
    free = (each for each in beside if each not in others and not _is_in_use(host, each))
    return next(free, 0) or free_ports(1)[0]


def _is_in_use(host: str, port: int) -> bool:
    if in_use(host, port):
        return True
    mine, _ = claim(host, port)
    if mine is None:
        return True
    mine.close()
    return False
