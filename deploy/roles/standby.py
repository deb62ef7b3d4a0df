"""The role standby: the same as the mother, following it."""

from roles import pair
from tiovivo_deploy.job import Job


def install(job: Job) -> None:
    pair.install(job)
