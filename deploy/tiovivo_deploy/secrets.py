"""Passwords that the cluster makes for itself. They live beside config.yaml in `secrets/`, a file each,
which only its owner may read; each is made once, so that every run lays the same on the nodes."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from tiovivo_deploy.inventory import UsageError

LIMIT_OCTETS = 4096


def _password() -> str:
    return secrets.token_urlsafe(32)


# What there is, and how each is made.
KINDS: dict[str, Callable[[], str]] = {
    "database-password": _password,
    "replication-password": _password,
    "broker-password": _password,
    "failover-key": _password,
    "secret-key": lambda: secrets.token_urlsafe(50),
    # RFC 9018 wants 128 bits; one line of `server.cookie_secret_file`.
    "cookie-secret": lambda: secrets.token_hex(16),
    # For orders to tiovivo, as `tiovivo token new` makes it.
    "token": lambda: secrets.token_hex(32),
}


class Secrets:
    """The secrets of one cluster."""

    def __init__(self, folder: str | Path, keep: bool = True):
        """`keep: False` makes what is missing for this run alone (a dry run changes nothing)."""
        self.folder = Path(folder)
        self._keep = keep
        self._made: dict[str, str] = {}

    def get(self, name: str) -> str:
        """The secret of this name, made now if it is not there yet."""
        if name not in self._made:
            self._made[name] = self._read(name) or self._make(name)
        return self._made[name]

    def _path(self, name: str) -> Path:
        if name not in KINDS:
            raise KeyError(f"no kind of secret: {name}")
        return self.folder / name

    def _read(self, name: str) -> str | None:
        path = self._path(name)
        try:
            with open(path, encoding="ascii") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    raise UsageError(f"{path}: others may read it; chmod 600 {path}")
                value = file.read(LIMIT_OCTETS + 1).strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: {error}") from error
        if not value or len(value) > LIMIT_OCTETS or not value.isprintable() or " " in value:
            raise UsageError(
                f"{path}: not one word of at most {LIMIT_OCTETS} octets; mend it or remove it"
            )
        return value

    def _make(self, name: str) -> str:
        value = KINDS[name]()
        if not self._keep:
            return value
        path = self._path(name)
        aside = path.with_name(f".{name}.{os.getpid()}")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(value + "\n")
                file.flush()
                os.fsync(file.fileno())
            # Of two commands that make it at once, the first one's stays.
            os.link(aside, path)
        except FileExistsError:
            return self._read(name) or value
        except OSError as error:
            raise UsageError(f"{path}: {error}") from error
        finally:
            aside.unlink(missing_ok=True)
        return value


def of_cluster(folder: str, keep: bool = True) -> Secrets:
    """Those of the cluster whose config.yaml is in `folder`."""
    return Secrets(Path(folder) / "secrets", keep)
