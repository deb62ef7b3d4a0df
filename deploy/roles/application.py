"""What the application needs on the nodes that run it. Called by the roles, which lay the folders and
mounts before. What runs there: deploy/files/app."""

from pathlib import Path
from urllib.parse import quote

from tiovivo_deploy.environment import format_environment, read_env_file
from tiovivo_deploy.inventory import Cluster, UsageError
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    FILES,
    File,
    Folder,
    changed,
    install_packages,
    put_files,
    service,
    template,
)

# nginx asks the one for pages and the other for /health, which is answered while the application hangs.
SOCKET = "/run/tiovivo-app/uwsgi.sock"
HEALTH_SOCKET = "/run/tiovivo-app/health.sock"
LIBRARY = "/usr/local/lib/tiovivo-app"
# The account has the name of the database; roles of the mother make both.
DEFAULT_DATABASE = "application"
# What wheels of a project may need beyond Python: mysqlclient, file types, compiled messages.
PACKAGES = ["python3", "libmariadb3", "media-types", "tzdata"]
WEB_PACKAGES = ["uwsgi-core", "uwsgi-plugin-python3"]


def install_web(job: Job) -> None:
    """The web application under uwsgi: tiovivo-app.service."""
    install_packages(name="packages of the application", packages=PACKAGES + WEB_PACKAGES)
    files = put_library(job)
    unit = put_files(
        name="unit of the application",
        files=[
            File("/etc/tiovivo-app/uwsgi.ini", template("app/uwsgi.ini")),
            File("/etc/systemd/system/tiovivo-app.service", template("app/tiovivo-app.service")),
        ],
    )
    # A reload replaces one worker after another; no request is lost.
    service(
        name="application",
        unit="tiovivo-app.service",
        restart=changed(unit),
        reload=changed(files) and not changed(unit),
    )


def install_tools(job: Job) -> None:
    """What deploy/release and deploy/manage call, without a service."""
    install_packages(name="packages of the application", packages=PACKAGES)
    put_library(job)


def install_worker(job: Job) -> None:
    """The worker of the project's Celery application: tiovivo-celery.service."""
    if not _application(job).celery:
        job.note("deploy.application.celery is left out: this worker runs nothing")
        service(name="worker", unit="tiovivo-celery.service", running=False, enabled=False)
        return
    install_packages(name="packages of the application", packages=PACKAGES)
    files = put_library(job)
    unit = put_files(
        name="unit of the worker",
        files=[
            File(
                "/etc/systemd/system/tiovivo-celery.service",
                template("app/tiovivo-celery.service"),
            )
        ],
    )
    service(
        name="worker",
        unit="tiovivo-celery.service",
        restart=changed(unit),
        reload=changed(files) and not changed(unit),
    )


def put_library(job: Job):
    """The programs of deploy/files/app and the environment of the application."""
    modules = sorted((FILES / "app" / "tiovivo_app").glob("*.py"))
    return put_files(
        name="environment of the application",
        folders=[
            Folder("/etc/tiovivo-app"),
            Folder(f"{LIBRARY}/tiovivo_app"),
        ],
        files=[
            File(f"{LIBRARY}/tiovivo_app/{path.name}", path.read_text(encoding="utf-8"))
            for path in modules
        ]
        + [
            File(
                "/etc/tiovivo-app/env",
                format_environment(environment(job)),
                mode="640",
                owner="root:www-data",
                secret=True,
            )
        ],
    )


def environment(job: Job) -> dict[str, str]:
    """What the application reads on this node; the operator's own lines win over the usual names,
    never over the TIOVIVO_ ones."""
    own = ours(job)
    usual = usual_names(own)
    env_file = _application(job).env_file
    theirs = read_env_file(Path(env_file)) if env_file else {}
    return usual | theirs | own


def ours(job: Job) -> dict[str, str]:
    cluster, application = job.cluster, _application(job)
    server = _mother_address(cluster)
    database = (cluster.database or {}).get("name") or DEFAULT_DATABASE
    pairs = {
        "TIOVIVO_NODE": job.node.name,
        "TIOVIVO_SETTINGS": application.settings,
        "TIOVIVO_WSGI": application.wsgi,
        "TIOVIVO_HOSTS": ",".join(application.hosts),
        "TIOVIVO_WARM": application.warm,
        "TIOVIVO_MIGRATE": "1" if application.migrate else "0",
        "TIOVIVO_SECRET_KEY": job.secrets.get("secret-key"),
        "TIOVIVO_DATABASE_HOST": server,
        "TIOVIVO_DATABASE_NAME": database,
        "TIOVIVO_DATABASE_USER": database,
        "TIOVIVO_DATABASE_PASSWORD": job.secrets.get("database-password"),
    }
    if application.static:
        pairs["TIOVIVO_STATIC_ROOT"] = "/srv/static"
    if application.media:
        pairs["TIOVIVO_MEDIA_ROOT"] = "/srv/media"
    if application.celery:
        pairs["TIOVIVO_CELERY"] = application.celery
        password = quote(job.secrets.get("broker-password"), safe="")
        pairs["TIOVIVO_BROKER"] = f"redis://:{password}@{_in_url(server)}:6379/0"
    return pairs


def usual_names(own: dict[str, str]) -> dict[str, str]:
    """The same under names that projects commonly read themselves."""
    user, password = own["TIOVIVO_DATABASE_USER"], quote(own["TIOVIVO_DATABASE_PASSWORD"], safe="")
    place = f"{_in_url(own['TIOVIVO_DATABASE_HOST'])}:3306/{own['TIOVIVO_DATABASE_NAME']}"
    pairs = {
        "DATABASE_URL": f"mysql://{user}:{password}@{place}",
        "SECRET_KEY": own["TIOVIVO_SECRET_KEY"],
        "DJANGO_SECRET_KEY": own["TIOVIVO_SECRET_KEY"],
        "ALLOWED_HOSTS": own["TIOVIVO_HOSTS"],
        "DJANGO_ALLOWED_HOSTS": own["TIOVIVO_HOSTS"],
    }
    if "TIOVIVO_BROKER" in own:
        pairs["CELERY_BROKER_URL"] = pairs["REDIS_URL"] = own["TIOVIVO_BROKER"]
    return pairs


def _application(job: Job):
    if job.cluster.application is None:
        raise UsageError(f"{job.cluster.config}: deploy.application is missing")
    return job.cluster.application


def _mother_address(cluster: Cluster) -> str:
    if not cluster.mother_address:
        raise UsageError(f"{cluster.config}: deploy.mother_address is missing")
    return cluster.mother_address


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
