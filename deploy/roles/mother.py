"""The role mother: database, broker and file server, and the first machine that is the mother."""

from tiovivo_deploy.job import Job

from roles import pair


def install(job: Job) -> None:
    pair.install(job)
