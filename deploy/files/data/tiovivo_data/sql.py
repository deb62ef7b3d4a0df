"""One kept connection to MariaDB, by its own client program: no driver has to be installed.

Each query has a deadline. When it passes, or the client ends, the connection is over and the next
query opens another one.
"""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import time
from dataclasses import dataclass, field
from typing import Self

OUTPUT_LIMIT = 8 * 1024 * 1024
CONNECT_S = 3

Row = dict[str, str]


class SqlError(Exception):
    """The server refused a query, or gave no answer in time."""


@dataclass
class Sql:
    """`arguments` say where the server is: a socket, or host and user."""

    arguments: list[str]
    password: str = ""
    client: subprocess.Popen | None = field(default=None, repr=False)

    def rows(self, query: str, timeout: float = 10.0) -> list[Row]:
        """The result of one statement; an empty list when it has none."""
        try:
            return self.exchange(query, timeout)
        except (OSError, ValueError) as error:
            self.close()
            raise SqlError(f"{short(query)}: {error}") from None
        except SqlError:
            self.close()
            raise

    def value(self, query: str, timeout: float = 10.0) -> str:
        """The first column of the first row."""
        rows = self.rows(query, timeout)
        if not rows:
            raise SqlError(f"{short(query)}: no result")
        return next(iter(rows[0].values()))

    def run(self, *queries: str, timeout: float = 10.0) -> None:
        for query in queries:
            self.rows(query, timeout)

    def wait(self, seconds: float) -> None:
        """Waits until the server answers; its own words when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.run("SELECT 1")
                return
            except SqlError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def close(self) -> None:
        if self.client is not None:
            self.client.kill()
            self.client.wait()
            for pipe in (self.client.stdin, self.client.stdout, self.client.stderr):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
            self.client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def exchange(self, query: str, timeout: float) -> list[Row]:
        deadline = time.monotonic() + timeout
        client = self.client or self.open()
        end = f"end-{secrets.token_hex(8)}"
        text = f"{query.rstrip().rstrip(';')};\nSELECT '{end}' AS mark;\n"
        client.stdin.write(text.encode())
        client.stdin.flush()
        tail = f"mark\n{end}\n".encode()
        output = b""
        while not output.endswith(tail):
            output += self.read_some(client, query, deadline)
            if len(output) > OUTPUT_LIMIT:
                raise SqlError(f"{short(query)}: more than {OUTPUT_LIMIT} octets of result")
        return parse_rows(output[: -len(tail)].decode(errors="replace"))

    def read_some(self, client: subprocess.Popen, query: str, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([client.stdout], [], [], max(0.0, left))
        if not ready:
            raise SqlError(f"{short(query)}: no answer in time")
        piece = os.read(client.stdout.fileno(), 65536)
        if not piece:
            errors = client.stderr.read(4096).decode(errors="replace").strip()
            raise SqlError(errors.splitlines()[0] if errors else f"{short(query)}: client ended")
        return piece

    def open(self) -> subprocess.Popen:
        fixed = ["--no-defaults", "--batch", "--unbuffered", "--skip-reconnect", "--no-auto-rehash"]
        bound = [f"--connect-timeout={CONNECT_S}", "--default-character-set=utf8mb4"]
        self.client = subprocess.Popen(
            ["mariadb", *fixed, *bound, *self.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "MYSQL_PWD": self.password} if self.password else None,
        )
        return self.client


def local(socket: str) -> Sql:
    """The server of this machine, as its root."""
    return Sql([f"--socket={socket}"])


def remote(address: str, user: str, password: str) -> Sql:
    return Sql([f"--host={address}", f"--user={user}"], password)


def parse_rows(text: str) -> list[Row]:
    """Tab-separated lines under one line of names, as the client's batch mode prints them."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    if not lines:
        return []
    names = lines[0].split("\t")
    return [dict(zip(names, map(unescape, line.split("\t")), strict=False)) for line in lines[1:]]


def unescape(word: str) -> str:
    if "\\" not in word:
        return word
    marks = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
    out, letters = [], iter(word)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            out.append(marks.get(following, letter + following))
        else:
            out.append(letter)
    return "".join(out)


def quote(text: str) -> str:
    """A string literal; valid in every sql_mode that the roles set."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def quote_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def short(query: str) -> str:
    """A query for a message, without what may be a password."""
    return " ".join(query.split()[:4])[:60]
