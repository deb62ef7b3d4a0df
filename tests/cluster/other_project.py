"""Another project, with another layout, by the keys of config.yaml alone: made by `django-admin
startproject`, its settings a package, requirements in a folder, media, and no Celery."""

import re
import shutil
import textwrap
from pathlib import Path

from cluster import REPOSITORY, Cluster, run
from install import page
from verdicts import Verdicts, expect, wait_for

DJANGO = "Django~=4.2.0"
APPLICATION = """\
  application:
    source: shop
    requirements: requirements/production.txt
    settings: backend.settings.production
    wsgi: backend.wsgi
    media: true
    hosts: [midominio.com, www.midominio.com]
    warm: /how-many/
  database: { name: shop }
"""
VIEWS = """\
    from django.conf import settings
    from django.http import HttpResponse

    from .models import Visit


    def how_many(request):
        Visit.objects.create()
        return HttpResponse(f"{settings.WORDS}: {Visit.objects.count()} visits")
"""


def installed(cluster: Cluster, verdicts: Verdicts) -> None:
    with verdicts.check("a second project is made by django-admin"):
        make(cluster, cluster.config.parent / "shop")
        edit_configuration(cluster)
    with verdicts.check("deploy/up and deploy/release bring it to all nodes") as notes:
        for command in ("up", "release"):
            done = cluster.deploy(command)
            notes.append(f"{command} {done.seconds:.1f} s")
            expect(done.ok, f"deploy/{command} ended with {done.status}\n{done.out}")
    for child in cluster.children:
        with verdicts.check(f"{child} serves the second project") as notes:
            wait_for(
                30,
                "its page",
                lambda child=child: "a shop: " in page(cluster, child, "/how-many/"),
            )
            notes.append(page(cluster, child, "/how-many/"))
            style = page(cluster, child, "/static/admin/css/base.css")
            expect(style.endswith(" 200"), f"no static files: {style[-200:]}")


def make(cluster: Cluster, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    admin = django_admin()
    must([admin, "startproject", "backend", folder], folder)
    must([admin, "startapp", "visits"], folder)
    settings = folder / "backend/settings"
    settings.mkdir()
    (settings / "__init__.py").touch()
    base = (folder / "backend/settings.py").read_text()
    base = base.replace("resolve().parent.parent", "resolve().parent.parent.parent")
    base = base.replace("INSTALLED_APPS = [", 'INSTALLED_APPS = [\n    "visits",')
    (settings / "base.py").write_text(base)
    (folder / "backend/settings.py").unlink()
    write(settings / "production.py", 'from .base import *\n\nDEBUG = False\nWORDS = "a shop"\n')
    write(
        folder / "visits/models.py",
        "from django.db import models\n\n\nclass Visit(models.Model):\n    pass\n",
    )
    write(folder / "visits/views.py", VIEWS)
    write(
        folder / "backend/urls.py",
        "from django.urls import path\n\nfrom visits.views import how_many\n\n"
        'urlpatterns = [path("how-many/", how_many)]\n',
    )
    migrate = [admin, "makemigrations", "visits", "--settings", "backend.settings.production"]
    must([*migrate, "--pythonpath", folder], folder)
    (folder / "requirements").mkdir()
    write(folder / "requirements/base.txt", f"{DJANGO}\nPyMySQL\n")
    write(folder / "requirements/production.txt", "-r base.txt\n")


def django_admin() -> Path:
    """In an environment of its own, on the administrator's side."""
    folder = REPOSITORY / "target/cluster/django"
    program = folder / "bin/django-admin"
    if not program.exists():
        must(["python3", "-m", "venv", folder], REPOSITORY)
        must([folder / "bin/pip", "install", "--quiet", DJANGO], REPOSITORY)
    return program


def edit_configuration(cluster: Cluster) -> None:
    text = cluster.config.read_text()
    changed = re.sub(r"  application:\n.*  database: [^\n]*\n", APPLICATION, text, flags=re.DOTALL)
    expect(changed != text, "config.yaml is not as this test knows it")
    cluster.config.write_text(changed)
    cluster.read_inventory()


def write(file: Path, text: str) -> None:
    file.write_text(textwrap.dedent(text))


def must(words: list, folder: Path) -> None:
    done = run(["env", f"--chdir={folder}", *words], 300)
    expect(done.ok, f"{' '.join(map(str, words))}: {done.status}\n{done.out}")
