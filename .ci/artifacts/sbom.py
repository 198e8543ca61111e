"""What the program is made of, as CycloneDX 1.5 in JSON.

The crates come from Cargo's own resolution of the dependencies. What only runs at build time has the scope `excluded`.
The standard library and musl are linked in as well, and no manifest names them.
"""

import json
import re
import time
import uuid

from archive import File
from product import Product


def make(product: Product) -> File:
    packages = {package["id"]: package for package in product.cargo["packages"]}
    nodes = {node["id"]: node for node in product.cargo["resolve"]["nodes"]}
    root = product.package["id"]
    linked = _reach(root, nodes, packages, {None})
    wanted = _reach(root, nodes, packages, {None, "build"}, macros=True)
    known = sorted(wanted - {root}, key=lambda key: _reference(packages[key]))
    components = [_component(product, packages[key], key in linked) for key in known]
    runtime = [
        _library("std", "the Rust standard library", "MIT OR Apache-2.0") | _compiler(product),
        _library("musl", "musl libc", "MIT"),
    ]
    dependencies = [
        {
            "ref": _reference(packages[key]),
            "dependsOn": sorted(_reference(packages[on]) for on in _needs(nodes[key], {None, "build"}) & wanted),
        }
        for key in [root, *known]
    ]
    dependencies[0]["dependsOn"] += [library["bom-ref"] for library in runtime]
    dependencies += [{"ref": library["bom-ref"], "dependsOn": []} for library in runtime]
    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.date)),
            "component": {
                "type": "application",
                "bom-ref": _reference(product.package),
                "name": product.name,
                "version": product.version,
                "description": product.summary,
                "licenses": [{"expression": product.license}],
                "purl": _reference(product.package),
                **_address(product),
            },
        },
        "components": components + runtime,
        "dependencies": dependencies,
    }
    # A serial number that is the same for the same contents.
    bom["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(bom)).urn
    return File(f"{product.name}-{product.version}.cdx.json", (json.dumps(bom, indent=2) + "\n").encode())


def _needs(node: dict, kinds: set) -> set:
    return {on["pkg"] for on in node["deps"] if kinds & {kind["kind"] for kind in on["dep_kinds"]}}


def _reach(root: str, nodes: dict, packages: dict, kinds: set, *, macros: bool = False) -> set:
    """The packages that the root needs; those of macros, which run in the compiler, only where they are wanted."""
    found, left = set(), [root]
    while left:
        key = left.pop()
        is_macro = any("proc-macro" in target["kind"] for target in packages[key]["targets"])
        if key not in found and (macros or not is_macro):
            found.add(key)
            left += _needs(nodes[key], kinds)
    return found


def _reference(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def _component(product: Product, package: dict, is_linked: bool) -> dict:
    return {
        "type": "library",
        "bom-ref": _reference(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if is_linked else "excluded",
        "hashes": [{"alg": "SHA-256", "content": product.checksums[package["name"], package["version"]]}],
        # Old manifests write a slash where SPDX has a word.
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
        "purl": _reference(package),
    }


def _compiler(product: Product) -> dict:
    """The version of the compiler, and so of its library, where the program says it."""
    found = re.search(rb"rustc version ([0-9.]+)", product.binary(product.machines[0]))
    return {"version": found[1].decode()} if found else {}


def _address(product: Product) -> dict:
    address = product.address
    return {"externalReferences": [{"type": "vcs", "url": address}]} if address else {}


def _library(name: str, description: str, license: str) -> dict:
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "description": description,
        "scope": "required",
        "licenses": [{"expression": license}],
    }
