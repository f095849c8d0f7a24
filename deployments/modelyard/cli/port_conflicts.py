"""Ports of the configuration that somebody else has: each with its key, its place, who has it, and one that is free."""

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
"""Ports that belong together stay together: 8000 to 8004 become 8010 to 8014."""


@contextmanager
def claimed_ports(config_dir: Path, config: Config) -> Iterator[None]:
    """Keep other servers from the configuration's ports. Raises SpecError with each that somebody has, or nobody here can have."""
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
            mine, who = claim(host, port)
            if mine is not None:
                claims.enter_context(mine)
            if mine is None or in_use(host, port):
                free = _free_beside(host, port, wanted)
                wanted.add(free)
                by = f" by {who}" if (who := who or owner(port)) else ""
                found.append(place.diagnostic(key, f"{host}:{port} is in use{by}", free))
        if found:
            raise SpecError(sorted_diagnostics(found))
        yield


@dataclass(frozen=True, slots=True)
class _ServerFile:
    """Where a key of server.yaml stands."""

    file: Path
    root: Mapping | None

    def diagnostic(self, key: tuple[str, str], what: str, free: int | None = None) -> Diagnostic:
        """At the value, or of the whole file where the key is not written; `free` is a port to suggest."""
        what, hint = f"{'.'.join(key)}: {what}", "" if free is None else f"{free} is free"
        section = self.root.entries.get(key[0]) if self.root else None
        if self.root is not None and isinstance(section, Mapping) and key[1] in section.entries:
            return locate(self.root, key)[1].diagnostic(what, hint)
        hint = f"it is the default; {hint}: write '{key[0]}: {{{key[1]}: {free}}}'" if hint else ""
        return Diagnostic(str(self.file), 0, 0, what, suggestion=hint)


def _free_beside(host: str, port: int, others: set[int]) -> int:
    beside = range(port + PORT_STEP, MAX_PORT + 1, PORT_STEP)
    free = (each for each in beside if each not in others and not _is_taken(host, each))
    return next(free, 0) or free_ports(1)[0]


def _is_taken(host: str, port: int) -> bool:
    if in_use(host, port):
        return True
    mine, _ = claim(host, port)
    if mine is None:
        return True
    mine.close()
    return False
