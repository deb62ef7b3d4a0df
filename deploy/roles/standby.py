"""The role standby: the same as the mother, following it."""

from tiovivo_deploy.job import Job

from roles import pair


def install(job: Job) -> None:
    pair.install(job)
