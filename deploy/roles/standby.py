"""The role standby: the same as the mother, following it. Once promoted it makes releases and runs
Django commands, so it has the programs for that; it serves no pages."""

from roles import application, pair
from tiovivo_deploy.job import Job


def install(job: Job) -> None:
    pair.install(job)
    application.install_tools(job)
