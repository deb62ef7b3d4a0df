"""What every node has, whatever its role."""

from tiovivo_deploy.job import Job
from tiovivo_deploy.operations import install_packages

PACKAGES = ["ca-certificates", "nftables", "python3", "rsync"]


def install(job: Job) -> None:
    install_packages(name="packages of every node", packages=PACKAGES)
