"""What the application needs on the nodes that run it. Called by the roles, which lay the folders and
mounts before."""

from tiovivo_deploy.job import Job


def install_web(job: Job) -> None:
    """The environment file and the unit tiovivo-app.service."""


def install_worker(job: Job) -> None:
    """The environment file and the unit tiovivo-celery.service."""
