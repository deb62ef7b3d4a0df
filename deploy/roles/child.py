"""A child serves visitors: nginx and the application, whose code, static files and media it reads from
the mother."""

from roles import application, mounts, web
from tiovivo_deploy.job import Job


def install(job: Job) -> None:
    web.install_nginx(job)
    mounts.install(job)
    application.install_web(job)
