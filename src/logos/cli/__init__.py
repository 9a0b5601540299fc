"""The `logos` command.

client.py     the thin client that a shell starts: standard library only, a few milliseconds
loading.py    runs what the client becomes: a shell, a daemon, a command without one
where.py      the home, its socket and its log
wire.py       how it talks to the daemon, over a unix socket
daemon.py     the process that holds the node and answers
local.py      the commands that work without a daemon, in this process
registry.py   what a command is; arguments -> the command to run
commands/     the commands, one file per family
out.py        the format of answers: JSON, NDJSON, tables, colour
"""
