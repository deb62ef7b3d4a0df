"""The whole cluster on one machine, for whoever wants to try it or to test it.

Every node is a machine of its own. Nodes that serve or mount files are User-Mode Linux machines: a
real kernel as an ordinary process, so that NFS, power cuts and hung machines are the real thing
without hardware virtualisation. Name servers are system containers, because the kernel for
User-Mode Linux cannot filter packets by nftables, and the firewall is part of their role.

All networks of a lab are inside of one network namespace, so that labs run beside each other with
the same addresses, and nothing of them reaches the machine's own network.
"""
