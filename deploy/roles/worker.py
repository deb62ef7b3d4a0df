"""A worker does what the application puts off: celery, with ffmpeg for videos, which it writes into the
mother's media."""

from roles import application, mounts
from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import install_packages

PACKAGES = ["ffmpeg"]


def install(job: Job) -> None:
    install_packages(name="packages of a worker", packages=PACKAGES)
    mounts.install(job)
    application.install_worker(job)
