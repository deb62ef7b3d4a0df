"""nginx before the application: on children for visitors, on the mother to try a release."""

from pyinfra import host
from pyinfra.api import FactBase

from roles import application
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import (
    File,
    changed,
    install_packages,
    put_files,
    remove_files,
    run,
    service,
    template,
)

PACKAGES = ["nginx-light"]
UPLOAD_LIMIT = "512m"


class NginxRefuses(FactBase[str]):
    """What nginx says of a configuration that it refuses; empty when it is good."""

    def command(self) -> str:
        return "! command -v nginx >/dev/null || nginx -t -q 2>&1; true"

    @staticmethod
    def default() -> str:
        return ""


def install_nginx(job: Job) -> None:
    install_packages(name="packages of nginx", packages=PACKAGES)
    site = put_files(
        name="configuration of nginx",
        files=[File("/etc/nginx/conf.d/tiovivo.conf", site_text(job))],
    )
    default = remove_files(name="Debian's example site", paths=["/etc/nginx/sites-enabled/default"])
    files = put_files(
        name="nginx for files",
        files=[
            File("/etc/nginx/tiovivo-files.conf", template("web/files.conf")),
            File(
                "/etc/systemd/system/tiovivo-files.service", template("web/tiovivo-files.service")
            ),
        ],
    )
    if changed(site, default) and not job.dry and (refusal := host.get_fact(NginxRefuses)):
        # The one that runs goes on with what it has read before.
        run(
            name="nginx reads its configuration", command=f"cat >&2 <<'END'\n{refusal}\nEND\nexit 1"
        )
    service(name="nginx runs", unit="nginx.service", reload=changed(site, default))
    service(name="nginx for files runs", unit="tiovivo-files.service", restart=changed(files))


def site_text(job: Job) -> str:
    served = job.cluster.application
    names = (["static"] if served.static else []) + (["media"] if served.media else [])
    return template(
        "web/site.conf",
        upload=UPLOAD_LIMIT,
        health_socket=application.HEALTH_SOCKET,
        files="".join(template("web/files-location.conf", name=name) for name in names),
    )
