"""A picture that is sent through one child, rendered by the worker, and played through another."""

import re
import struct
import time
import zlib

from cluster import Cluster
from verdicts import Failed, Verdicts, expect, wait_for

HOST = "www.midominio.com"
RENDER_SECONDS = 40
SIZE = 64


def rendered(cluster: Cluster, verdicts: Verdicts) -> None:
    first, last = cluster.children[0], cluster.children[-1]
    with verdicts.check(f"a video requested through {first} is played through {last}") as notes:
        began = time.monotonic()
        path = send_picture(cluster, first)
        wait_for(
            RENDER_SECONDS,
            f"{path} is ready",
            lambda: 'data-state="ready"' in video_page(cluster, last, path),
        )
        shown = video_page(cluster, last, path)
        source = re.search(r'<video src="([^"]+)"', shown)
        expect(source, f"no video in\n{shown}")
        file = cluster.folder / "video.mp4"
        wait_for(
            RENDER_SECONDS,
            "the video's file",
            lambda: "200" in curl(cluster, last, source.group(1), "-o", file, "-w", "%{http_code}"),
        )
        video = file.read_bytes()
        expect(video[4:8] == b"ftyp", f"{len(video)} octets that are no MP4")
        notes.append(f"{len(video)} octets after {time.monotonic() - began:.1f} s")
        notes.append(re.sub(r"<[^>]+>", "", re.search(r'<p class="state.*', shown).group(0)))


def wait_for_worker(cluster: Cluster, words: str, notes: list[str]) -> None:
    """The worker runs the code that says so."""
    began = time.monotonic()
    path = send_picture(cluster, cluster.children[0])
    wait_for(RENDER_SECONDS, words, lambda: words in video_page(cluster, cluster.children[0], path))
    notes.append(f"the worker has it {time.monotonic() - began:.1f} s later")


def send_picture(cluster: Cluster, child: str) -> str:
    """Fills in the form as a browser does; the path of the new page."""
    jar, picture = cluster.folder / "cookies", cluster.folder / "picture.png"
    jar.unlink(missing_ok=True)
    picture.write_bytes(png())
    form = curl(cluster, child, "/new/", "-c", jar)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    if not token:
        raise Failed(f"no form on {child}:\n{form}")
    fields = [f"csrfmiddlewaretoken={token.group(1)}", "title=From the test", f"picture=@{picture}"]
    words = [word for field in fields for word in ("-F", field)]
    said = curl(cluster, child, "/new/", "-b", jar, "-D", "-", "-o", "/dev/null", *words)
    place = re.search(r"(?im)^location: *(\S+)", said)
    if not place:
        raise Failed(f"{child} does not take the picture:\n{said}")
    return place.group(1)


def video_page(cluster: Cluster, child: str, path: str) -> str:
    return curl(cluster, child, path)


def curl(cluster: Cluster, child: str, path: str, *words) -> str:
    at = f"{HOST}:80:{cluster.public(child)}"
    return cluster.client(
        "curl", "-sS", "-m", "30", "--resolve", at, *words, f"http://{HOST}{path}"
    ).out


def png() -> bytes:
    """A small picture with a colour gradient."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + bytes(v for x in range(SIZE) for v in (4 * x, 4 * y, 128)) for y in range(SIZE)
    )
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
