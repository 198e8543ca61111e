"""What there is to distribute, and for which machines."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# No zip file can be older than this.
OLDEST = 315532800


@dataclass(frozen=True)
class Machine:
    """A machine, as those call it who will look for it."""

    cpu: str
    """The kernel, Rust and Python."""
    short: str
    """Debian, Go and container images."""

    @property
    def target(self) -> str:
        return f"{self.cpu}-unknown-linux-musl"


MACHINES = (Machine("x86_64", "amd64"), Machine("aarch64", "arm64"))


class Product:
    """session-init, as its manifest describes it."""

    def __init__(self) -> None:
        command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked"]
        command.append(f"--filter-platform={MACHINES[0].target}")
        self.cargo = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        root = self.cargo["resolve"]["root"]
        self.package = next(package for package in self.cargo["packages"] if package["id"] == root)
        self.name: str = self.package["name"]
        self.version: str = self.package["version"]
        self.summary: str = self.package["description"]
        self.license: str = self.package["license"]
        self.deb: dict = self.package["metadata"]["deb"]
        self.date = max(int(os.environ["SOURCE_DATE_EPOCH"]), OLDEST)

    def read(self, path: str) -> bytes:
        """A file of the repository."""
        return (ROOT / path).read_bytes()

    def binary(self, machine: Machine) -> bytes:
        """session-init for this machine, which has been built before."""
        folder = ROOT / "target/static"
        content = (folder / machine.target / self.name).read_bytes()
        if content[:4] != b"\x7fELF":
            raise SystemExit(f"{folder / machine.target / self.name} is no program")
        return content

    @cached_property
    def checksums(self) -> dict:
        """The checksum of each package that Cargo has fetched, by name and version."""
        lock = self.read("Cargo.lock").decode()
        pattern = r'name = "(.*)"\nversion = "(.*)"\nsource = .*\nchecksum = "(.*)"'
        return {(name, version): checksum for name, version, checksum in re.findall(pattern, lock)}
