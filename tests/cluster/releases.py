"""Releases under load: every child serves the new code, and no request fails; a release that is no
good is refused in words while the old one serves on."""

import re
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import videos
from cluster import Cluster, Done, Visitors
from install import page
from verdicts import Failed, Verdicts, expect

URL = "http://www.midominio.com/"
RATE = 10
# Of a release with a warm cache, on a quiet machine.
RELEASE_SECONDS = 15
LIST = "videos/templates/videos/video_list.html"


def first(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("the first release") as notes:
        if page(cluster, cluster.children[0]).endswith(" 200"):
            notes.append("deploy/up has made one")
            return
        done = cluster.deploy("release")
        expect(done.ok, f"status {done.status}\n{done.out}")


def good_and_back(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("a release under load: new code everywhere, no request fails") as notes:
        with loaded(cluster, notes):
            mark_page(site(cluster), "the second release")
            mark_task(site(cluster))
            release(cluster, "release", notes)
            videos.wait_for_worker(cluster, "(second)", notes)
        for child in cluster.children:
            expect("the second release" in page(cluster, child), f"{child} serves the old page")
    with verdicts.check("deploy/rollback under load: the old code, no request fails") as notes:
        with loaded(cluster, notes):
            release(cluster, "rollback", notes)
        for child in cluster.children:
            expect("the second release" not in page(cluster, child), f"{child} was left behind")
    with verdicts.check("the release again, for what comes"):
        done = cluster.deploy("release")
        expect(done.ok, f"status {done.status}\n{done.out}")


def bad_ones(cluster: Cluster, verdicts: Verdicts) -> None:
    for name, spoil in (
        ("does not import", spoil_import),
        ("fails its warm request", spoil_page),
        ("has a failing migration", spoil_migration),
    ):
        with verdicts.check(f"a release that {name} is refused, no request fails") as notes:
            before = releases_served(cluster)
            kept = keep_source(cluster)
            spoil(site(cluster))
            try:
                with loaded(cluster, notes):
                    done = cluster.deploy("release")
            finally:
                restore_source(cluster, kept)
            expect(not done.ok, f"it was taken\n{done.out}")
            notes.append(told(done))
            after = releases_served(cluster)
            expect(after == before, f"{after} is served, not {before}")


def site(cluster: Cluster) -> Path:
    return cluster.config.parent / "site"


def keep_source(cluster: Cluster) -> Path:
    kept = cluster.folder / "site.kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(site(cluster), kept)
    return kept


def restore_source(cluster: Cluster, kept: Path) -> None:
    shutil.rmtree(site(cluster))
    kept.rename(site(cluster))


def told(done: Done) -> str:
    """The line that says why."""
    lines = [line for line in done.out.splitlines() if "FAILED" in line]
    expect(lines, f"it is not told why:\n{done.out}")
    return lines[-1].strip()[:200]


def release(cluster: Cluster, command: str, notes: list[str]) -> None:
    done = cluster.deploy(command)
    notes.append(f"{done.seconds:.1f} s")
    expect(done.ok, f"deploy/{command} ended with {done.status}\n{done.out}")


@contextmanager
def loaded(cluster: Cluster, notes: list[str]):
    """Visitors come while the block runs; none of them may see a fault."""
    visitors = Visitors(cluster, URL, RATE, 900, "X-Release")
    time.sleep(2)
    try:
        yield
        time.sleep(2)
    finally:
        lines = visitors.stop()
    bad = [line for line in lines if line["status"] != 200]
    expect(len(lines) > RATE, "too few requests to tell")
    served = sorted({line["header"] for line in lines})
    notes.append(f"{len(bad)} of {len(lines)} requests failed, releases {', '.join(served)}")
    if bad:
        raise Failed(f"the first: {bad[:2]}")
    reached = {line["address"] for line in lines}
    expect(reached == cluster.publics(cluster.children), f"only {reached} were visited")


def releases_served(cluster: Cluster) -> dict[str, str]:
    return {child: header(cluster, child, "X-Release") for child in cluster.children}


def header(cluster: Cluster, child: str, name: str) -> str:
    at = f"www.midominio.com:80:{cluster.public(child)}"
    head = cluster.client(
        "curl", "-sS", "-m", "20", "--resolve", at, "-o", "/dev/null", "-D", "-", URL
    )
    found = re.search(rf"(?im)^{name}: *(\S+)", head.out)
    return found.group(1) if found else ""


def edit(file: Path, change: Callable[[str], str]) -> None:
    text = file.read_text()
    changed = change(text)
    expect(changed != text, f"{file} is not as this test knows it")
    file.write_text(changed)


def mark_page(root: Path, words: str) -> None:
    edit(root / LIST, lambda text: text.replace("<h1>", f"<!-- {words} --><h1>", 1))


def mark_task(root: Path) -> None:
    """The worker says in its name which code it ran."""
    edit(
        root / "videos/tasks.py",
        lambda text: text.replace("socket.gethostname()", 'socket.gethostname() + " (second)"'),
    )


def spoil_import(root: Path) -> None:
    edit(root / "proyecto/wsgi.py", lambda text: text + "\nimport a_module_that_is_not_there\n")


def spoil_page(root: Path) -> None:
    wrong = "{% url 'a-view-that-is-not-there' %}<h1>"
    edit(root / LIST, lambda text: text.replace("<h1>", wrong, 1))


def spoil_migration(root: Path) -> None:
    folder = root / "videos/migrations"
    last = max(file.stem for file in folder.glob("0*.py"))
    (folder / "0999_broken.py").write_text(
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        f"    dependencies = [('videos', '{last}')]\n"
        "    operations = [migrations.RunSQL('ALTER TABLE not_there ADD COLUMN a INT')]\n"
    )
