"""Installs and runs the cluster that config.yaml describes, from the operator's own machine.

Each command of deploy/ is a module with `main()`. They share:

inventory    the nodes and keys of config.yaml, as `tiovivo inventory` prints them
secrets      passwords that the cluster makes for itself, in a folder beside config.yaml
ssh          commands on one node or many, with a bound
summary      lines of progress, and what became of each node
operations   what a role may say of a node: packages, files, services (pyinfra operations)
job          one node's installation, as its role sees it
"""
