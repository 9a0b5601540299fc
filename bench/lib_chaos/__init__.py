"""Parts of bench/chaos.py; node and compare are programs of their own as well.

node.py      a node whose agents work on an external ledger
ledger.py    that ledger: a file other people own
compare.py   ledger and journal against each other
"""
