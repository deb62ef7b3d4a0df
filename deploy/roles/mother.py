"""The role mother: database, broker and file server, and the first machine that is the mother. It also
runs the application, to try a release; the firewall keeps visitors out."""

from roles import application, pair, web
from tiovivo_deploy.job import Job


def install(job: Job) -> None:
    pair.install(job)
    # Children wait for the trees, not for what follows.
    job.mother_is_ready()
    web.install_nginx(job)
    application.install_web(job)
