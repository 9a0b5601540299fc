"""What bench/exec.py and tests/exec need around a program: a vendor, a kernel, somebody who kills."""
