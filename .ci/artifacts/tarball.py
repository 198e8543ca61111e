"""A tar.gz for each machine: the program, its man page, its completions, its licence."""

from archive import File, gz, tar
from product import Machine, Product


def make(product: Product, machine: Machine) -> File:
    stem = f"{product.name}-{product.version}-{machine.target}"
    files = [
        File(product.name, product.binary(machine), 0o755),
        File(f"{product.name}.1", product.read(f".docs/{product.name}.1")),
    ]
    for name in (f"{product.name}.bash", f"_{product.name}", f"{product.name}.fish"):
        files.append(File(f"completions/{name}", product.read(f".docs/completions/{name}")))
    for name in ("LICENSE", "README.md", "CHANGELOG.md"):
        files.append(File(name, product.read(name)))
    return File(f"{stem}.tar.gz", gz(tar(files, product.date, top=f"{stem}/")))
