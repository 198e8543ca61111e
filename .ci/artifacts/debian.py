"""A .deb for each machine, as [package.metadata.deb] in Cargo.toml describes it.

cargo-deb reads the same table; this needs neither that nor dpkg.
"""

import hashlib
import lzma
from email.utils import formatdate

from archive import File, ar, gz, tar
from product import Machine, Product

# Where the table names the program, wherever Cargo may have built it.
BUILT = "target/release/"

# What Debian's checker would object to, and why it is so.
OVERRIDES = {
    "statically-linked-binary": "It is to run in containers that hold no C library.",
    "initial-upload-closes-no-bugs": "Nobody has asked Debian for this package.",
}


def make(product: Product, machine: Machine) -> File:
    version = f"{product.version}-{product.deb['revision']}"
    files = sorted(_files(product, machine, version), key=lambda file: file.path)
    control = [
        File("control", _control(product, machine, version, files).encode()),
        File("md5sums", "".join(f"{_md5(file.content)}  {file.path}\n" for file in files).encode()),
    ]
    members = [
        File("debian-binary", b"2.0\n"),
        File("control.tar.xz", lzma.compress(tar(control, product.date, top="./"))),
        File("data.tar.xz", lzma.compress(tar(files, product.date, top="./"))),
    ]
    return File(f"{product.name}_{version}_{machine.short}.deb", ar(members, product.date))


def _files(product: Product, machine: Machine, version: str):
    for source, target, mode in product.deb["assets"]:
        content = product.binary(machine) if source.startswith(BUILT) else product.read(source)
        path = target + source.rpartition("/")[2] if target.endswith("/") else target
        if path.startswith("usr/share/man/"):
            path, content = f"{path}.gz", gz(content)
        yield File(path, content, int(mode, 8))
    documents = f"usr/share/doc/{product.name}"
    yield File(f"{documents}/copyright", _copyright(product).encode())
    yield File(f"{documents}/changelog.gz", gz(product.read("CHANGELOG.md")))
    yield File(f"{documents}/changelog.Debian.gz", gz(_changelog(product, version).encode()))
    overrides = "".join(f"# {why}\n{product.name}: {tag}\n" for tag, why in OVERRIDES.items())
    yield File(f"usr/share/lintian/overrides/{product.name}", overrides.encode())


def _control(product: Product, machine: Machine, version: str, files: list) -> str:
    lines = (line.strip() or "." for line in product.deb["extended-description"].strip().splitlines())
    description = "\n ".join(lines)
    size = sum((len(file.content) + 1023) // 1024 for file in files)
    return f"""\
Package: {product.name}
Version: {version}
Section: {product.deb['section']}
Priority: {product.deb['priority']}
Architecture: {machine.short}
Installed-Size: {size}
Maintainer: {product.deb['maintainer']}
Description: {_short(product.summary)}
 {description}
"""


def _short(summary: str) -> str:
    """Debian's kind of summary: with neither an article nor a capital letter."""
    words = summary.removeprefix("A ").removeprefix("An ")
    return words[0].lower() + words[1:]


def _changelog(product: Product, version: str) -> str:
    return f"""\
{product.name} ({version}) unstable; urgency=medium

  * Version {product.version}: see changelog.gz.

 -- {product.deb['maintainer']}  {formatdate(product.date)}
"""


def _copyright(product: Product) -> str:
    title, notice, text = product.read("LICENSE").decode().strip().split("\n\n", 2)
    text = "\n ".join(line or "." for line in text.splitlines())
    if title != "MIT License" or not notice.startswith("Copyright (c) "):
        raise SystemExit("LICENSE is another one than debian.py knows")
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: {product.name}

Files: *
Copyright: {notice.removeprefix('Copyright (c) ')}
License: Expat

License: Expat
 {text}
"""


def _md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()
