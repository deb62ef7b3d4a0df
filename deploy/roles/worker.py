"""The role worker."""

from tiovivo_deploy.job import Job


def install(job: Job) -> None:
    pass
