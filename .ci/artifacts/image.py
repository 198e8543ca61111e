"""Images that hold the program and nothing else, to be copied from: one for each machine, and one of all machines.

Each is an OCI image layout, and what `docker save` makes, in one: podman, containerd and a docker that keeps its images
with containerd read the one, any other docker the other. That one knows no image of several machines: of the image of all
it makes an image for each, which has the machine in its tag.
"""

import hashlib
import json
import time

from archive import File, tar
from product import Machine, Product

OCI = "application/vnd.oci.image"


def make(product: Product, machine: Machine) -> File:
    """The image for one machine."""
    entry, blobs = _image(product, machine)
    stem = f"{product.name}-{product.version}-image-{machine.image.replace('/', '')}"
    return _layout(product, stem, entry, blobs, [_for_docker(_name(product), blobs)])


def index(product: Product) -> File:
    """The image of all machines."""
    images = [(machine, *_image(product, machine)) for machine in product.machines]
    content = _json(_index([entry for _, entry, _ in images]))
    docker = [
        _for_docker(f"{_name(product)}-{machine.image.replace('/', '')}", blobs) for machine, _, blobs in images
    ]
    blobs = [_blob(content), *(blob for _, _, blobs in images for blob in blobs)]
    entry = _descriptor(f"{OCI}.index.v1+json", content)
    return _layout(product, f"{product.name}-{product.version}-image", entry, blobs, docker)


def _name(product: Product) -> str:
    return f"localhost/{product.name}:{product.version}"


def _image(product: Product, machine: Machine) -> tuple:
    """What an index says about the image for a machine, and its parts: the manifest, the config and the layer."""
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.date))
    layer = tar([File(product.name, product.binary(machine), 0o755)], product.date)
    labels = {"title": product.name, "version": product.version, "licenses": product.license}
    if product.address:
        labels |= {"source": product.address, "url": product.address}
    config = _json(
        {
            "created": created,
            **machine.platform,
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
    entry = _descriptor(f"{OCI}.manifest.v1+json", manifest) | {"platform": machine.platform}
    return entry, [_blob(manifest), _blob(config), _blob(layer)]


def _layout(product: Product, stem: str, entry: dict, blobs: list, docker: list) -> File:
    name = _name(product)
    entry["annotations"] = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name}
    files = [
        File("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
        File("index.json", _json(_index([entry]))),
        File("manifest.json", _json(docker)),
        *blobs,
    ]
    return File(f"{stem}.tar", tar(files, product.date))


def _index(entries: list) -> dict:
    return {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": entries}


def _for_docker(name: str, blobs: list) -> dict:
    _, config, layer = blobs
    return {"Config": config.path, "RepoTags": [name], "Layers": [layer.path]}


def _descriptor(kind: str, content: bytes) -> dict:
    return {"mediaType": kind, "digest": f"sha256:{_digest(content)}", "size": len(content)}


def _blob(content: bytes) -> File:
    return File(f"blobs/sha256/{_digest(content)}", content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
