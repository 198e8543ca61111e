"""An image for each machine that holds the program and nothing else, to be copied from.

It is an OCI image layout, and what `docker save` makes, in one: podman and containerd read the one, docker the other.
"""

import hashlib
import json
import time

from archive import File, tar
from product import Machine, Product

OCI = "application/vnd.oci.image"


def make(product: Product, machine: Machine) -> File:
    name = f"localhost/{product.name}:{product.version}"
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.date))
    layer = tar([File(product.name, product.binary(machine), 0o755)], product.date)
    labels = {"title": product.name, "version": product.version, "licenses": product.license}
    config = _json(
        {
            "created": created,
            "architecture": machine.short,
            "os": "linux",
            "config": {
                "Entrypoint": [f"/{product.name}"],
                "Labels": {f"org.opencontainers.image.{key}": value for key, value in labels.items()},
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
            "history": [{"created": created, "created_by": f"COPY {product.name} /"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": _descriptor(f"{OCI}.config.v1+json", config),
            "layers": [_descriptor(f"{OCI}.layer.v1.tar", layer)],
        }
    )
    entry = _descriptor(f"{OCI}.manifest.v1+json", manifest)
    entry["platform"] = {"architecture": machine.short, "os": "linux"}
    entry["annotations"] = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": [entry]}
    docker = [{"Config": _blob(config).path, "RepoTags": [name], "Layers": [_blob(layer).path]}]
    files = [
        File("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
        File("index.json", _json(index)),
        File("manifest.json", _json(docker)),
        *map(_blob, (config, manifest, layer)),
    ]
    return File(f"{product.name}-{product.version}-image-{machine.short}.tar", tar(files, product.date))


def _descriptor(kind: str, content: bytes) -> dict:
    return {"mediaType": kind, "digest": f"sha256:{_digest(content)}", "size": len(content)}


def _blob(content: bytes) -> File:
    return File(f"blobs/sha256/{_digest(content)}", content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
