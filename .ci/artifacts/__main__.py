"""Packs session-init for those who will use it: `python3 .ci/artifacts FOLDER [MACHINE...]`.

It takes the static builds in target/static, needs nothing but Python's standard library, Cargo and nfpm (.ci/dist), and
makes the same files of the same contents, wherever and whenever it runs.
"""

import hashlib
import sys
from pathlib import Path

import image
import packages
import sbom
import tarball
import wheel
from archive import File
from product import Product, machines


def main(folder: Path, names: list) -> None:
    product = Product(machines(names))
    files = [sbom.make(product), image.index(product)]
    for machine in product.machines:
        binary = product.binary(machine)
        files += [File(f"{product.name}-{name}", binary, 0o755) for name in machine.names]
        files += [form.make(product, machine) for form in (tarball, wheel, image)]
        files += packages.make(product, machine)
    files.sort(key=lambda file: file.path)
    sums = "".join(f"{hashlib.sha256(file.content).hexdigest()}  {file.path}\n" for file in files)
    files.append(File("SHA256SUMS", sums.encode()))
    for file in files:
        path = folder / file.path
        path.write_bytes(file.content)
        path.chmod(file.mode)
        print(f"{len(file.content):>9}  {file.path}")


main(Path(sys.argv[1]), sys.argv[2:])
