"""Debian's packages, downloaded and unpacked below a folder that plays `/`: nothing is installed, no privileges are needed."""
import os
import shutil
import subprocess


class DebianError(Exception):
    """Something a person has to see to; the text says what."""


def unpack(root, scratch, packages, otherwise, with_missing=False):
    """Download packages and unpack them below `root`; with what they depend on as far as this machine lacks it, if asked."""
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise DebianError(f"no {tool} to fetch {packages[0]} with; {otherwise}")
    debs = scratch / "debs"
    debs.mkdir()
    done = download(debs, packages, with_missing)
    if done.returncode != 0:
        # As a rule the machine has no package lists (containers are shipped without): private ones need no privileges.
        lists = private_lists(scratch)
        updated = apt(debs, *lists, "update")
        done = download(debs, packages, with_missing, lists)
        if done.returncode != 0:
            said = (done if updated.returncode == 0 else updated).stdout.decode("utf-8", "replace").strip().splitlines()[-6:]
            raise DebianError(
                "\n".join(
                    [f"apt-get could not download {packages[0]}:", *("    " + line for line in said)]
                    + [f"See to apt's sources and network (apt-get update), or {otherwise}."]
                )
            )
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True)


def download(folder, packages, with_missing, lists=()):
    wanted = list(packages)
    if with_missing:
        planned = apt(folder, *lists, "install", "--print-uris", "--no-install-recommends", "-o", "Debug::NoLocking=1", *packages)
        if planned.returncode != 0:
            return planned
        wanted += missing(planned.stdout.decode("utf-8", "replace"), packages)
    return apt(folder, *lists, "download", *wanted)


def missing(planned, packages):
    """The packages that apt would install beside `packages`, out of its lines of 'address' name_version_machine.deb size hash."""
    names = [line.split()[1].split("_")[0] for line in planned.splitlines() if line.startswith("'")]
    # The machine's own C library goes with its linker.
    return [name for name in names if name not in packages and name != "libc6"]


def apt(folder, *arguments):
    options = ["-qq", "-o", "Acquire::Retries=2"]
    if os.geteuid() == 0:
        options += ["-o", "APT::Sandbox::User=root"]  # its own user may not write to this folder
    command = ["apt-get", *options, *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def private_lists(scratch):
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    return ["-o", f"Dir::State::lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}", "-o", "Debug::NoLocking=1"]
