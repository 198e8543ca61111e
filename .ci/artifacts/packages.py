"""The packages of Debian, Fedora, Alpine and Arch for each machine: [package.metadata.deb] in Cargo.toml says what is in them.

cargo-deb reads the same table. The formats are nfpm's business; where each of them expects what is said here.
"""

import json
import subprocess
import time
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory

from archive import File, gz
from product import ROOT, Machine, Product

NFPM = ROOT / "target/static-build/nfpm/bin/nfpm"

# Where the table names the program, wherever Cargo may have built it.
BUILT = "target/release/"

# What Debian's checker would object to, and why it is so.
OVERRIDES = {
    "statically-linked-binary": "It is to run in containers that hold no C library.",
    "initial-upload-closes-no-bugs": "Nobody has asked Debian for this package.",
}

# Where Debian alone has a folder of its own.
ELSEWHERE = {"usr/share/zsh/vendor-completions/": "usr/share/zsh/site-functions/"}


def make(product: Product, machine: Machine):
    for packager in ("deb", "rpm", "apk", "archlinux"):
        with TemporaryDirectory() as name:
            folder = Path(name)
            settings = _settings(product, machine, packager, folder)
            (folder / "nfpm.json").write_text(json.dumps(settings))
            command = [NFPM, "package", "--config", folder / "nfpm.json", "--packager", packager, "--target", folder]
            before = set(folder.iterdir())
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            (made,) = set(folder.iterdir()) - before
            yield File(made.name, made.read_bytes())


def _settings(product: Product, machine: Machine, packager: str, folder: Path) -> dict:
    deb = product.deb
    files = _files(product, machine, packager)
    contents = [_content(file, folder / str(number), packager) for number, file in enumerate(files)]
    if packager == "rpm":
        # rpm removes no folder that it has not been told of.
        contents.append({"dst": f"/usr/share/licenses/{product.name}", "type": "dir"})
    return {
        "name": product.name,
        "arch": machine.image.replace("/v", ""),
        "version": product.version,
        "release": deb["revision"],
        "section": deb["section"],
        "priority": deb["priority"],
        "maintainer": deb["maintainer"],
        "description": _description(product, packager),
        "license": product.license,
        "homepage": product.address or "",
        # The day, as those read it who parse what nfpm is told.
        "mtime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.date)),
        "contents": contents,
        "deb": {"compression": "xz"},
        "rpm": {"summary": product.summary, "buildhost": "localhost", "compression": "xz"},
        "archlinux": {"packager": deb["maintainer"]},
        # Alpine knows no ARM older than this, and what needs less runs there.
        "apk": {"arch": "armhf"} if machine.name == "armel" else {},
    }


def _content(file: File, source: Path, packager: str) -> dict:
    source.write_bytes(file.content)
    content = {"src": str(source), "dst": f"/{file.path}"}
    if packager == "rpm" and "/licenses/" in file.path:
        content["type"] = "license"
    if packager == "rpm" and "/man/" in file.path:
        content["type"] = "doc"
    return content | {"file_info": {"owner": "root", "group": "root", "mode": file.mode}}


def _description(product: Product, packager: str) -> str:
    """A paragraph where there is room for one; Debian takes the first line of it for the summary."""
    extended = product.deb["extended-description"].strip()
    return {"deb": f"{_short(product.summary)}\n{extended}", "rpm": extended}.get(packager, product.summary)


def _files(product: Product, machine: Machine, packager: str):
    for source, target, mode in product.deb["assets"]:
        content = product.binary(machine) if source.startswith(BUILT) else product.read(source)
        if packager != "deb":
            target = ELSEWHERE.get(target, target)
        path = target + source.rpartition("/")[2] if target.endswith("/") else target
        if "/man/" in path:
            path, content = f"{path}.gz", gz(content)
        yield File(path, content, int(mode, 8))
    if packager == "deb":
        yield from _debians(product)
    else:
        yield File(f"usr/share/licenses/{product.name}/LICENSE", product.read("LICENSE"))


def _debians(product: Product):
    documents = f"usr/share/doc/{product.name}"
    yield File(f"{documents}/copyright", _copyright(product).encode())
    yield File(f"{documents}/changelog.gz", gz(product.read("CHANGELOG.md")))
    yield File(f"{documents}/changelog.Debian.gz", gz(_changelog(product).encode()))
    overrides = "".join(f"# {why}\n{product.name}: {tag}\n" for tag, why in OVERRIDES.items())
    yield File(f"usr/share/lintian/overrides/{product.name}", overrides.encode())
def _short(summary: str) -> str:
    """Debian's kind of summary: with neither an article nor a capital letter."""
    words = summary.removeprefix("A ").removeprefix("An ")
    return words[0].lower() + words[1:]


def _changelog(product: Product) -> str:
    return f"""\
{product.name} ({product.version}-{product.deb['revision']}) unstable; urgency=medium

  * Version {product.version}: see changelog.gz.

 -- {product.deb['maintainer']}  {formatdate(product.date)}
"""


def _copyright(product: Product) -> str:
    title, notice, text = product.read("LICENSE").decode().strip().split("\n\n", 2)
    text = "\n ".join(line or "." for line in text.splitlines())
    if title != "MIT License" or not notice.startswith("Copyright (c) "):
        raise SystemExit("LICENSE is another one than packages.py knows")
    return f"""\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: {product.name}

Files: *
Copyright: {notice.removeprefix('Copyright (c) ')}
License: Expat

License: Expat
 {text}
"""
