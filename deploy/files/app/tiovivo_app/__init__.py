"""What runs a Django project on the nodes of a cluster. Standard library only.

The package is laid in /usr/local/lib/tiovivo-app on each node; a release brings nothing of it.
"""
