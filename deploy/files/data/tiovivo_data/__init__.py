"""What the mother, the standby and the name servers run to keep exactly one writable mother.

`tiovivo-data` and `tiovivo-promote` in /usr/local/sbin are the commands. Only the standard library
is used, because these machines may have no way to a package index.

Two facts decide everything: the role file (`role.py`), which survives a power cut, and the unit
tiovivo-mother.service, which holds the virtual address and is never started by a boot.
"""
