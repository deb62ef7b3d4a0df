"""Database, files and broker of the mother and the standby, seen from the operator's machine.

plan      who is the mother now, from the role files on the nodes
files     what is laid on the nodes, as texts
promote, rejoin, backup, restore   the commands
status    lines for deploy/status

What decides and acts on the nodes is deploy/files/data/tiovivo_data.
"""
