"""Reading and writing where hostile code has been: all the ways to mislead the reader fail."""

# ruff: noqa: PTH208, PT011

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from logos.drivers.sandbox import (
    beneath,
    listing,
    open_beneath,
    read_regular,
    remove,
    write_regular,
)

LIMIT = 1 << 16


@pytest.fixture
def root(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("TOPSECRET")
    made = tmp_path / "root"
    (made / "sub").mkdir(parents=True)
    (made / "fine").write_text("fine")
    (made / "sub" / "fine").write_text("also fine")
    return made


@pytest.fixture(params=["openat2", "by hand"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "by hand":  # a number no kernel has
        monkeypatch.setattr(beneath, "_OPENAT2", 1_000_000)
    return str(request.param)


def link(root: Path) -> str:
    (root / "link").symlink_to("../outside/secret")
    return "link"


def link_inside(root: Path) -> str:
    (root / "link").symlink_to("fine")
    return "link"


def linked_folder(root: Path) -> str:
    (root / "folder").symlink_to("../outside")
    return "folder/secret"


def magic_link(root: Path) -> str:
    (root / "magic").symlink_to("/proc/self/root")
    return "magic/etc/passwd"


def dots(root: Path) -> str:
    return "sub/../../outside/secret"


def absolute(root: Path) -> str:
    return str(root.parent / "outside" / "secret")


def fifo(root: Path) -> str:
    os.mkfifo(root / "fifo")
    return "fifo"


def device(root: Path) -> str:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(root / "device", 0o020666, os.makedev(1, 5))  # /dev/zero: endless
    return "device"


def unix_socket(root: Path) -> str:
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(root / "socket"))
    return "socket"


def hard_link(root: Path) -> str:
    (root / "hard").hardlink_to(root.parent / "outside" / "secret")
    return "hard"


def sparse(root: Path) -> str:
    with (root / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    return "sparse"


def folder(root: Path) -> str:
    return "sub"


HOSTILE = pytest.mark.parametrize(
    "plant",
    [
        *(link, link_inside, linked_folder, magic_link, dots, absolute),
        *(fifo, device, unix_socket, hard_link, sparse, folder),
    ],
    ids=lambda plant: plant.__name__,
)


@HOSTILE
def test_not_read(root: Path, way: str, plant: Callable[[Path], str]) -> None:
    with pytest.raises(OSError):
        read_regular(root, plant(root), LIMIT)


@pytest.mark.parametrize("path", ["fine", "./fine", "sub/fine"])
def test_ordinary_files_are_read(root: Path, way: str, path: str) -> None:
    assert read_regular(root, path, LIMIT) == (root / path).read_bytes()


def test_a_file_at_the_limit(root: Path, way: str) -> None:
    assert read_regular(root, "fine", 4) == b"fine"
    with pytest.raises(OSError) as caught:
        read_regular(root, "fine", 3)
    assert caught.value.errno == errno.EFBIG


def test_a_link_at_the_end_of_a_write_is_replaced(root: Path, way: str) -> None:
    write_regular(root, link(root), b"new")
    assert not (root / "link").is_symlink()
    assert (root / "link").read_bytes() == b"new"
    assert (root.parent / "outside" / "secret").read_text() == "TOPSECRET"


@pytest.mark.parametrize("plant", [linked_folder, magic_link, dots, absolute])
def test_not_written(root: Path, way: str, plant: Callable[[Path], str]) -> None:
    with pytest.raises(OSError):
        write_regular(root, plant(root), b"new")
    assert (root.parent / "outside" / "secret").read_text() == "TOPSECRET"


def test_a_written_file_belongs_to_the_folders_owner(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(root, 12345, 12345)
    write_regular(root, "sub/new", b"new")
    assert (root / "sub" / "new").stat().st_uid == 12345
    assert {name for name, _ in listing(root, "sub", 10)} == {"fine", "new"}


def test_a_listing_shows_links_as_links(root: Path, way: str) -> None:
    link(root)
    kinds = {name: mode >> 12 for name, mode in listing(root, "", 10)}
    assert kinds == {"fine": 0o10, "link": 0o12, "sub": 0o04}
    with pytest.raises(OSError):
        listing(root, "link", 10)


def test_an_open_folder_stays_beneath(root: Path, way: str) -> None:
    with beneath.opened(root) as fd:
        sub = open_beneath(fd, "sub", os.O_RDONLY | os.O_DIRECTORY)
        try:
            with pytest.raises(OSError):
                open_beneath(sub, "../fine")
        finally:
            os.close(sub)


def test_removing_a_tree_spares_what_it_links_to(root: Path) -> None:
    (root / "sub" / "link").symlink_to(root.parent / "outside")
    (root / "sub" / "file").symlink_to(root.parent / "outside" / "secret")
    remove(root, "sub")
    assert sorted(os.listdir(root)) == ["fine"]
    assert (root.parent / "outside" / "secret").exists()


def deep(root: Path, depth: int) -> None:
    fd = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        deeper = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)


@pytest.mark.slow
def test_depth_is_no_bound(root: Path) -> None:
    deep(root, 3000)
    with beneath.opened(root) as fd:
        assert sum(1 for _ in beneath.directories(fd)) == 3002
        if os.geteuid() == 0:
            beneath.adopt(fd, 12345)
            assert os.fstat(fd).st_uid == 12345
    remove(root, "d")
    assert sorted(os.listdir(root)) == ["fine", "sub"]


def test_adopting_a_tree_spares_what_it_links_to(root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    for plant in (link, linked_folder, hard_link):
        plant(root)
    with beneath.opened(root) as fd:
        beneath.adopt(fd, 12345)
    assert (root / "sub" / "fine").stat().st_uid == 12345
    assert (root / "link").lstat().st_uid == 12345
    assert (root.parent / "outside" / "secret").stat().st_uid != 12345
    assert (root.parent / "outside").stat().st_uid != 12345
