"""Releases of the application: deploy/release, deploy/rollback and deploy/manage.

source    the project's files, from a folder or from git, as a stream for the mother
wheels    the packages that the project requires, for the nodes' Python
nodes     what the mother and the nodes are told and say
switch    canary, switch, waiting for every node; the way back
"""
