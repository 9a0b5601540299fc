"""The filter decides as it should, on both architectures: the program is run by hand."""

import errno
import struct

import pytest

from logos.drivers.sandbox import seccomp
from logos.drivers.sandbox.syscalls import AUDIT, NEWEST, NUMBERS, REFUSED

ALLOW, KILL = 0x7FFF0000, 0x80000000
MACHINES = pytest.mark.parametrize("machine", sorted(NUMBERS))


def decide(program: bytes, audit: int, number: int, *arguments: int) -> int:
    """A classic BPF machine, as much of it as a filter needs."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, audit, 0, *padded)
    steps = list(struct.iter_unpack("<HBBI", program))
    at, a = 0, 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        match code:
            case 0x20:
                (a,) = struct.unpack_from("<I", data, k)
            case 0x54:
                a &= k
            case 0x15:
                at += yes if a == k else no
            case 0x25:
                at += yes if a > k else no
            case 0x45:
                at += yes if a & k else no
            case 0x06:
                return int(k)
            case _:
                raise AssertionError(code)


def refused(error: int) -> int:
    return 0x50000 | error


@MACHINES
def test_every_refused_call_is_refused(machine: str) -> None:
    program = seccomp.program(machine)
    for names in REFUSED.values():
        for name in set(names) & NUMBERS[machine].keys():
            verdict = decide(program, AUDIT[machine], NUMBERS[machine][name])
            assert verdict == refused(errno.EPERM), name


@MACHINES
def test_a_foreign_architecture_is_killed(machine: str) -> None:
    program = seccomp.program(machine)
    for audit in (0x40000003, 0x40000028, 0):
        assert decide(program, audit, 1) == KILL


@MACHINES
@pytest.mark.parametrize("number", [NEWEST + 1, 0x40000000 + 39, -1])
def test_calls_nobody_has_judged_do_not_exist(machine: str, number: int) -> None:
    verdict = decide(seccomp.program(machine), AUDIT[machine], number)
    assert verdict == refused(errno.ENOSYS)


@MACHINES
def test_threads_but_no_namespaces(machine: str) -> None:
    program, number = seccomp.program(machine), NUMBERS[machine]
    audit = AUDIT[machine]
    assert decide(program, audit, number["clone3"], 0) == refused(errno.ENOSYS)
    assert decide(program, audit, number["clone"], 0x3D0F00) == ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide(program, audit, number["clone"], flag | 17) == refused(errno.EPERM)


@MACHINES
def test_sockets_by_family_and_protocol(machine: str) -> None:
    number, audit = NUMBERS[machine]["socket"], AUDIT[machine]
    shut, inet = seccomp.program(machine), seccomp.program(machine, (2, 10))
    for family in range(64):
        assert decide(shut, audit, number, family, 1, 0) == refused(errno.EAFNOSUPPORT)
        expected = ALLOW if family in (2, 10) else refused(errno.EAFNOSUPPORT)
        assert decide(inet, audit, number, family, 1, 0) == expected
    assert decide(inet, audit, number, 2, 1, 6) == ALLOW
    assert decide(inet, audit, number, 10, 2, 17) == ALLOW
    assert decide(inet, audit, number, 2, 1, 262) == refused(errno.EPROTONOSUPPORT)


@MACHINES
def test_pairs_are_streams(machine: str) -> None:
    number, audit = NUMBERS[machine]["socketpair"], AUDIT[machine]
    program = seccomp.program(machine)
    for kind, expected in ((1, ALLOW), (5, ALLOW), (2, None), (3, None)):
        for flags in (0, 0o2000000, 0o4000):
            verdict = decide(program, audit, number, 1, kind | flags, 0)
            assert verdict == (expected or refused(errno.EPROTONOSUPPORT))


@MACHINES
def test_no_devices_but_fifos(machine: str) -> None:
    number, audit = NUMBERS[machine]["mknodat"], AUDIT[machine]
    program = seccomp.program(machine)
    assert decide(program, audit, number, 3, 0, 0o010644) == ALLOW
    for kind in (0o020600, 0o060600):
        assert decide(program, audit, number, 3, 0, kind) == refused(errno.EPERM)


@MACHINES
def test_no_typing_into_a_terminal(machine: str) -> None:
    number, audit = NUMBERS[machine]["ioctl"], AUDIT[machine]
    program = seccomp.program(machine)
    assert decide(program, audit, number, 0, 0x5401) == ALLOW
    assert decide(program, audit, number, 0, 0x5412) == refused(errno.EPERM)
    assert decide(program, audit, number, 0, 0x541C) == refused(errno.EPERM)


@MACHINES
def test_no_number_is_used_twice(machine: str) -> None:
    numbers = NUMBERS[machine].values()
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= NEWEST
