"""What a name server gets: the files of config.yaml, with the keys of `server:` that belong to the
machine set for it, and the program with its unit and manual pages."""

import hashlib
import io
import ipaddress
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tiovivo_deploy.inventory import REPOSITORY, Cluster, Node, UsageError
from tiovivo_deploy.operations import File
from tiovivo_deploy.secrets import Secrets

ETC = "/etc/tiovivo"
STATE = "/var/lib/tiovivo"
# Where the unit's user finds a copy of SECRETS, which only root may read.
CREDENTIALS = "/run/tiovivo-secrets"
SECRETS = "/etc/tiovivo-secrets"
FILE_OCTETS = 64 * 1024 * 1024
PACK_SECONDS = 120
# A packed program that nobody used for so long is removed when another one is packed.
UNUSED_SECONDS = 14 * 86400


def config_files(cluster: Cluster, node: Node, folder: str, credentials: str) -> list[File]:
    """Every file that config.yaml names, below `folder`; config.yaml itself comes last, since the
    server looks at it. `credentials` is where the server finds its secrets."""
    files = []
    for path in cluster.files:
        if path != cluster.config:
            files.append(File(place(cluster, path, folder), read(path)))
    text = server_text(read(cluster.config), node, credentials, cluster.config)
    return [*files, File(f"{folder}/config.yaml", text)]


def place(cluster: Cluster, path: str, folder: str) -> str:
    """The same relative place below `folder`."""
    relative = os.path.relpath(path, cluster.folder)
    if relative.startswith(".."):
        raise UsageError(f"{path}: not below {cluster.folder}; the name servers need it there")
    return f"{folder}/{relative}"


def read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            octets = file.read(FILE_OCTETS + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(octets) > FILE_OCTETS:
        raise UsageError(f"{path}: longer than {FILE_OCTETS} octets")
    return octets


def server_text(config: bytes, node: Node, credentials: str, origin: str) -> str:
    """config.yaml for this name server. tiovivo has checked the file: here only these keys change:

    state, token_file, cookie_secret_file   where the unit has them
    nsid                                     the node's name, if none is set
    listen                                   every address, if config.yaml names loopback addresses
    deploy                                   left out: its files are the control machine's
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    try:
        whole = yaml.load(config)
        server = whole.setdefault("server", {})
        listen = server.get("listen")
        if listen is not None and all(map(is_loopback, listen)):
            del server["listen"]
        server["state"] = STATE
        server["token_file"] = f"{credentials}/token"
        server["cookie_secret_file"] = f"{credentials}/cookie-secret"
        server.setdefault("nsid", node.name)
        whole.pop("deploy", None)
        text = io.StringIO()
        yaml.dump(whole, text)
    except (YAMLError, AttributeError, TypeError) as error:
        raise UsageError(f"{origin}: {error}") from error
    return text.getvalue()


def is_loopback(listen: object) -> bool:
    """Whether `ADDRESS:PORT` is reached from the machine itself alone."""
    host = str(listen).rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secret_files(cluster: Cluster, secrets: Secrets) -> list[File]:
    """For orders, and for DNS cookies, whose secret is the same on every name server. The unit hands
    copies to the server."""
    return [
        File(f"{SECRETS}/{name}", secrets.get(name) + "\n", mode="600", secret=True)
        for name in ("token", "cookie-secret")
    ]


class Program:
    """The program as it is installed below /usr/local: what packaging/install.sh lays, in an archive."""

    def __init__(self, archive: Path, hashes: dict[str, str]):
        self.archive = archive
        # Path on the node to SHA-256.
        self.hashes = hashes


@cache
def pack_program(binary: str) -> Program:
    """Runs packaging/install.sh into a folder of its own, once for each program: the archive is kept
    in the cache, under a name of what it is made of."""
    digest = hashlib.sha256(Path(binary).read_bytes())
    for path in sorted((REPOSITORY / "packaging").glob("*")) + sorted(REPOSITORY.glob("LICENSE*")):
        digest.update(path.read_bytes() if path.is_file() else b"")
    folder = cache_folder() / digest.hexdigest()[:32]
    archive, list_of_hashes = folder / "tiovivo.tar.gz", folder / "hashes.json"
    if not list_of_hashes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_archive(binary, archive, list_of_hashes)
        remove_unused()
    os.utime(folder)
    return Program(archive, json.loads(list_of_hashes.read_text(encoding="ascii")))


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tiovivo" / "programs"


def remove_unused() -> None:
    for folder in cache_folder().iterdir():
        if time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def make_archive(binary: str, archive: Path, list_of_hashes: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tiovivo-pack-") as root:
        try:
            subprocess.run(
                [str(REPOSITORY / "packaging" / "install.sh")],
                env={**os.environ, "DESTDIR": root, "BINARY": binary, "PREFIX": "/usr/local"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PACK_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout).strip()
            raise UsageError(f"packaging/install.sh: {said}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"packaging/install.sh: {error}") from error
        files = sorted(path for path in Path(root).rglob("*") if path.is_file())
        hashes = {
            f"/{path.relative_to(root)}": hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }
        aside = archive.with_suffix(f".{os.getpid()}")
        with tarfile.open(aside, mode="w:gz", compresslevel=3) as packed:
            for path in files:
                packed.add(path, str(path.relative_to(root)), filter=as_root)
        os.replace(aside, archive)
        # Last, so that a killed run leaves nothing that looks whole.
        aside.write_text(json.dumps(hashes), encoding="ascii")
        os.replace(aside, list_of_hashes)


def as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
