"""The disk that all machines of a lab start from: Debian with the packages of every role, nothing
configured, services off.

    packages ── mmdebstrap ──> tree ── finish, kernel modules ──> mkfs ──> image-HASH.ext4

Machines of a lab have no way out, so nothing can be installed later. Each image has the hash of its
inputs in its name and is never changed; a machine writes to a file of its own over it.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

from .errors import LabError
from .places import cache_folder, run

FILES = Path(__file__).resolve().parents[2] / "files" / "lab"
KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
# Sparse: it takes what is written to it.
DISK_SIZE = "8G"
BUILD_LIMIT = 1800
# An image that nobody started from for so long is removed when another one is built, in seconds.
UNUSED_AGE = 14 * 86400

BASE = """
systemd systemd-sysv dbus udev openssh-server python3 python3-apt sudo less procps psmisc kmod acl
iproute2 iputils-ping iputils-arping netbase curl ca-certificates bind9-dnsutils tcpdump rsync cron
logrotate git
"""
ROLES = """
nftables
nginx-light uwsgi-core uwsgi-plugin-python3 python3-venv libmariadb3
nfs-common nfs-kernel-server mariadb-server mariadb-client mariadb-backup redis-server lsyncd
ffmpeg
"""
PACKAGES = (BASE + ROLES).split()

# Before the packages: nothing starts while they are installed, and MariaDB does not reserve
# terabytes of addresses, which User-Mode Linux does not have.
BEFORE_PACKAGES = """
mkdir -p "$1/usr/sbin" "$1/etc/mysql/mariadb.conf.d"
printf '#!/bin/sh\\nexit 101\\n' >"$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
printf '[mysqld]\\ninnodb_buffer_pool_size = 48M\\ninnodb_buffer_pool_size_max = 64M\\n' \
    >"$1/etc/mysql/mariadb.conf.d/90-lab.cnf"
"""


def ensure(release: str, say=print) -> Path:
    """The image for a Debian release, built when this cache does not have it."""
    missing = [name for name in (KERNEL, "mmdebstrap", "mkfs.ext4") if not shutil.which(name)]
    if missing:
        raise LabError(
            f"{', '.join(missing)} not found: apt-get install user-mode-linux mmdebstrap e2fsprogs"
        )
    folder = cache_folder() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        image = folder / f"{release}-{digest(release)}.ext4"
        if not image.exists():
            build(release, image, say)
            remove_unused(folder, image)
        # Beside the image: a machine's own disk refuses an image whose time has changed.
        image.with_suffix(".used").touch()
        return image


def digest(release: str) -> str:
    """Of everything that the image is made from, but for the day on which its packages came."""
    parts = [
        release,
        DISK_SIZE,
        BEFORE_PACKAGES,
        " ".join(sorted(PACKAGES)),
        host_key().read_text(),
    ]
    parts += [(FILES / name).read_text() for name in ("finish", "lab-seed", "lab-seed.service")]
    parts += sorted(str(path) for path in MODULES.glob("*"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def build(release: str, image: Path, say) -> None:
    began = time.monotonic()
    say(f"building the image for Debian {release}, once: about four minutes")
    work = image.parent / f"work-{os.getpid()}"
    tree = work / "tree"
    log_file = image.with_suffix(".log")
    try:
        work.mkdir()
        with open(log_file, "w") as log:
            step(log, "mmdebstrap", *mmdebstrap_options(), release, tree)
            step(log, FILES / "finish", tree, FILES, host_key())
            shutil.copytree(MODULES, tree / "lib/modules", dirs_exist_ok=True, symlinks=True)
            for version in MODULES.iterdir():
                step(log, "chroot", tree, "depmod", "-a", version.name)
            disk = work / "disk"
            with open(disk, "w"):
                pass
            step(log, "mkfs.ext4", "-q", "-F", "-m", "0", "-d", tree, disk, DISK_SIZE)
            disk.rename(image)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"image built in {time.monotonic() - began:.0f} s: {image}")


def mmdebstrap_options() -> list[str]:
    return [
        "--mode=root",
        "--variant=minbase",
        "--skip=check/empty",
        # The tree is thrown away when the machine stops in the middle.
        "--dpkgopt=force-unsafe-io",
        '--aptopt=APT::Install-Recommends "false"',
        "--aptopt=Acquire::Retries 3",
        f"--essential-hook={BEFORE_PACKAGES}",
        f"--include={','.join(PACKAGES)}",
    ]


def step(log, *command) -> None:
    words = [str(word) for word in command]
    log.write(f"\n=== {words[0]}\n")
    log.flush()
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=BUILD_LIMIT, check=False
    )
    if done.returncode != 0:
        tail = "".join(Path(log.name).read_text().splitlines(keepends=True)[-15:])
        raise LabError(f"the image cannot be built, {words[0]} failed ({log.name}):\n{tail}")


def remove_unused(folder: Path, current: Path) -> None:
    for used in folder.glob("*.used"):
        if used.stem != current.stem and time.time() - used.stat().st_mtime > UNUSED_AGE:
            used.with_suffix(".ext4").unlink(missing_ok=True)
            used.with_suffix(".log").unlink(missing_ok=True)
            used.unlink()


def host_key() -> Path:
    """One ssh host key for all machines that this cache ever makes."""
    key = cache_folder() / "host_key"
    make_key(key, "machines of the lab")
    return key


def make_key(key: Path, comment: str) -> None:
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", key)


def ptrace_shim() -> Path | None:
    """The library that cures the kernel's panic on processors with AMX; None on others."""
    if platform.machine() != "x86_64" or "amx_tile" not in Path("/proc/cpuinfo").read_text():
        return None
    source = FILES / "ptrace-shim.c"
    name = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    library = cache_folder() / f"ptrace-shim-{name}.so"
    if not library.exists():
        if not shutil.which("gcc"):
            raise LabError("this processor has AMX, which needs gcc: apt-get install gcc libc6-dev")
        fresh = library.with_suffix(f".{os.getpid()}")
        run("gcc", "-O2", "-shared", "-fPIC", "-o", fresh, source)
        fresh.rename(library)
    return library


if __name__ == "__main__":
    print(ensure(sys.argv[1]))
