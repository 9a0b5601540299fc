"""Each way out that somebody has thought of is shut in both modes, and open without them."""

from collections.abc import Callable
from typing import Any

import pytest

from logos.abi.driver import Mode

Arena = Callable[[str, Mode], dict[str, Any]]

PROBES = (
    "read /etc/shadow",
    "read a 0600 secret",
    "list /root",
    "write outside the workspace",
    "write /usr",
    "symlink traversal",
    ".. traversal",
    "/proc/1/environ",
    "environment of the driver",
    "own environment",
    "see host processes",
    "root of the driver",
    "memory of the driver",
    "ptrace the driver",
    "signal the driver",
    "tcp to host loopback",
    "udp to host loopback",
    "unix socket in the workspace",
    "unix socket elsewhere",
    "abstract unix socket",
    "netlink socket",
    "packet socket",
    "inherited descriptors",
    "mount",
    "user namespace by unshare",
    "user namespace by clone3",
    "io_uring",
    "bpf",
    "keyctl",
    "userfaultfd",
    "perf_event_open",
    "mknod",
    "setuid",
    "set-user-id program",
    "open_by_handle_at",
    "write /proc/sys",
    "cgroup files",
    "/dev/kmsg",
    "datagram pair to a socket in the workspace",
    "terminal input",
    "x32 call",
    "kernel log",
)

#: What a kernel may refuse anybody: built without it, or a container's filter around us.
MAY_BE_REFUSED_TO_ALL = {
    "x32 call",
    "cgroup files",
    "/dev/kmsg",
    "perf_event_open",
    "bpf",
    "io_uring",
    "userfaultfd",
    "keyctl",
    "kernel log",
    "mknod",
    "open_by_handle_at",
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.NO_NAMESPACES])
@pytest.mark.parametrize("probe", PROBES)
def test_refused(arena: Arena, probe: str, mode: Mode) -> None:
    escaped, what = arena("probes", mode)[probe]
    assert not escaped, what


@pytest.mark.parametrize("probe", sorted(set(PROBES) - MAY_BE_REFUSED_TO_ALL))
def test_the_probe_succeeds_where_nothing_confines_it(arena: Arena, probe: str) -> None:
    escaped, what = arena("probes", Mode.NONE)[probe]
    assert escaped, what


@pytest.mark.parametrize("mode", list(Mode))
def test_every_probe_is_a_test(arena: Arena, mode: Mode) -> None:
    assert set(arena("probes", mode)) == set(PROBES)
