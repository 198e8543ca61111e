"""Packs session-init for those who will use it: `python3 .ci/artifacts FOLDER`.

It takes the static builds in target/static, needs nothing but Python's standard library and Cargo, and makes the same
files of the same contents, wherever and whenever it runs.
"""

import hashlib
import sys
from pathlib import Path

import debian
import image
import sbom
import tarball
import wheel
from archive import File
from product import MACHINES, Product


def main(folder: Path) -> None:
    product = Product()
    files = [sbom.make(product)]
    for machine in MACHINES:
        binary = product.binary(machine)
        files += [File(f"{product.name}-{name}", binary, 0o755) for name in (machine.cpu, machine.short)]
        files += [form.make(product, machine) for form in (tarball, debian, wheel, image)]
    files.sort(key=lambda file: file.path)
    sums = "".join(f"{hashlib.sha256(file.content).hexdigest()}  {file.path}\n" for file in files)
    files.append(File("SHA256SUMS", sums.encode()))
    for file in files:
        path = folder / file.path
        path.write_bytes(file.content)
        path.chmod(file.mode)
        print(f"{len(file.content):>9}  {file.path}")


main(Path(sys.argv[1]))
