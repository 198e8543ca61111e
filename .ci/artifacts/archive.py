"""Archives whose bytes depend on nothing but what is put in: no owner, no clock, no order of a directory."""

import gzip
import io
import tarfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class File:
    """A file to be packed."""

    path: str
    content: bytes
    mode: int = 0o644


def tar(files: list, date: int, *, top: str = "") -> bytes:
    """A tar file of these and the folders that they are in, all of it below `top`, which ends with a slash."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        by_path = {file.path: file for file in files}
        parents = {str(parent) for path in by_path for parent in PurePosixPath(path).parents}
        for path in sorted(parents - {"."} | set(by_path)):
            entry = tarfile.TarInfo(top + path)
            entry.mtime, entry.uname, entry.gname = date, "root", "root"
            if file := by_path.get(path):
                entry.mode, entry.size = file.mode, len(file.content)
                archive.addfile(entry, io.BytesIO(file.content))
            else:
                entry.mode, entry.type = 0o755, tarfile.DIRTYPE
                archive.addfile(entry)
    return buffer.getvalue()


def gz(content: bytes) -> bytes:
    """The same, smaller, and with no time in it."""
    return gzip.compress(content, 9, mtime=0)


def ar(files: list, date: int) -> bytes:
    """What dpkg expects a package to be."""
    archive = b"!<arch>\n"
    for file in files:
        header = f"{file.path:16}{date:<12}{0:<6}{0:<6}{0o100000 | file.mode:<8o}{len(file.content):<10}`\n"
        archive += header.encode() + file.content + b"\n" * (len(file.content) % 2)
    return archive


def zipped(files: list, date: int) -> bytes:
    """A zip file, in the order given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.path, time.gmtime(date)[:6])
            entry.create_system, entry.external_attr = 3, (0o100000 | file.mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.content)
    return buffer.getvalue()
