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
    """A machine, and what those call it who will look for it: a line of .ci/machines."""

    name: str
    target: str
    image: str
    debian: str
    gnu: str
    suite: str
    wheel: str
    limit: str

    @property
    def names(self) -> list:
        """What its program is called: as the kernel, container images and Debian call the machine."""
        names = {self.name, self.image.replace("/", ""), self.debian}
        # There is no ARM between these two for those who link nothing.
        return sorted(names | {"armv6"} if self.name == "armel" else names)

    @property
    def platform(self) -> dict:
        """As an image's manifest says it."""
        architecture, _, variant = self.image.partition("/")
        return {"architecture": architecture, "os": "linux"} | ({"variant": variant} if variant else {})


def machines(names: list) -> list:
    """Those of these names, or all."""
    lines = (ROOT / ".ci/machines").read_text().splitlines()
    known = [Machine(*line.split()) for line in lines if not line.startswith("#")]
    return [machine for machine in known if not names or machine.name in names]


class Product:
    """session-init, as its manifest describes it."""

    def __init__(self, machines: list) -> None:
        self.machines = machines
        command = [os.environ.get("CARGO", "cargo"), "metadata", "--format-version=1", "--locked"]
        command.append(f"--filter-platform={machines[0].target}")
        self.cargo = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        root = self.cargo["resolve"]["root"]
        self.package = next(package for package in self.cargo["packages"] if package["id"] == root)
        self.name: str = self.package["name"]
        self.version: str = self.package["version"]
        self.summary: str = self.package["description"]
        self.license: str = self.package["license"]
        self.address: str | None = self.package["repository"]
        """Where everybody finds it: all that needs a public address takes it from Cargo.toml's `repository`."""
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
