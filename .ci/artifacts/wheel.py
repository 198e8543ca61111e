"""A wheel for each machine and every Python: it puts the program on PATH, its man page and completions beside it."""

import base64
import hashlib

from archive import File, zipped
from product import Machine, Product

# The program needs no libc at all, so it goes wherever a wheel for the oldest ones would.
LIBCS = ("manylinux2014", "manylinux_2_17", "musllinux_1_1")


def make(product: Product, machine: Machine) -> File:
    stem = f"{product.name.replace('-', '_')}-{product.version}"
    data, info = f"{stem}.data", f"{stem}.dist-info"
    # pip takes no wheel for this or that libc on an old ARM.
    libcs = ("linux",) if machine.name == "armel" else LIBCS
    platforms = [f"{libc}_{machine.wheel}" for libc in libcs]
    share, completions = f"{data}/data/share", ".docs/completions"
    files = [
        File(f"{data}/scripts/{product.name}", product.binary(machine), 0o755),
        File(f"{share}/man/man1/{product.name}.1", product.read(f".docs/{product.name}.1")),
        File(
            f"{share}/bash-completion/completions/{product.name}",
            product.read(f"{completions}/{product.name}.bash"),
        ),
        File(f"{share}/zsh/site-functions/_{product.name}", product.read(f"{completions}/_{product.name}")),
        File(
            f"{share}/fish/vendor_completions.d/{product.name}.fish",
            product.read(f"{completions}/{product.name}.fish"),
        ),
        File(f"{info}/licenses/LICENSE", product.read("LICENSE")),
        File(f"{info}/METADATA", _metadata(product).encode()),
        File(f"{info}/WHEEL", _wheel(product, platforms).encode()),
    ]
    record = "".join(f"{file.path},sha256={_digest(file.content)},{len(file.content)}\n" for file in files)
    files.append(File(f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode()))
    return File(f"{stem}-py3-none-{'.'.join(platforms)}.whl", zipped(files, product.date))


def _metadata(product: Product) -> str:
    address = f"Project-URL: Source, {product.address}\n" if product.address else ""
    return f"""\
Metadata-Version: 2.1
Name: {product.name}
Version: {product.version}
Summary: {product.summary}
License: {product.license}
License-File: LICENSE
Keywords: {','.join(product.package['keywords'])}
{address}Classifier: Environment :: Console
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Rust
Description-Content-Type: text/markdown

{product.read('README.md').decode()}"""


def _wheel(product: Product, platforms: list) -> str:
    tags = "".join(f"Tag: py3-none-{platform}\n" for platform in platforms)
    return f"Wheel-Version: 1.0\nGenerator: {product.name}\nRoot-Is-Purelib: false\n{tags}"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
