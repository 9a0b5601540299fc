"""Both layouts of control groups are found, and only where groups can really be made.

The trees are ordinary folders: what the kernel would put into a new group is put there by
nobody, so a tree counts as having controllers only where the test's own group shows them.
"""

from pathlib import Path

import pytest

from logos.drivers.sandbox import cgroup
from logos.drivers.sandbox.cgroup import Groups


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    made = tmp_path / "proc"
    made.mkdir()
    return made


def describe(proc: Path, mine: list[str], mounts: dict[Path, tuple[str, str]]) -> None:
    (proc / "cgroup").write_text("".join(f"{line}\n" for line in mine))
    lines = [
        f"30 20 0:{number} {root} {mount} rw,relatime shared:9 - {kind} none rw,{kind_options}\n"
        for number, (mount, (root, described)) in enumerate(mounts.items())
        for kind, _, kind_options in [described.partition(":")]
    ]
    (proc / "mountinfo").write_text("".join(lines))


def test_v1_trees_below_my_own_groups(tmp_path: Path, proc: Path) -> None:
    for name in ("pids/here", "memory/deep/down"):
        (tmp_path / name).mkdir(parents=True)
    describe(
        proc,
        ["8:pids:/here", "4:memory:/deep/down", "3:cpu,cpuacct:/"],
        {
            tmp_path / "pids": ("/", "cgroup:pids"),
            tmp_path / "memory": ("/", "cgroup:memory"),
        },
    )
    found = cgroup.find(proc)
    assert found.pids == tmp_path / "pids" / "here"
    assert found.memory == tmp_path / "memory" / "deep" / "down"
    assert found.unified is None
    assert not found.kills


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path, proc: Path) -> None:
    (tmp_path / "memory").mkdir()
    describe(
        proc, ["4:memory:/docker/abc"], {tmp_path / "memory": ("/docker/abc", "cgroup:memory")}
    )
    assert cgroup.find(proc).memory == tmp_path / "memory"


def test_a_tree_in_which_no_group_can_be_made_is_none(tmp_path: Path, proc: Path) -> None:
    (tmp_path / "pids").write_text("no folder")
    describe(proc, ["8:pids:/"], {tmp_path / "pids": ("/", "cgroup:pids")})
    assert cgroup.find(proc) == Groups()


def test_no_cgroups_at_all(proc: Path) -> None:
    describe(proc, [], {})
    found = cgroup.find(proc)
    assert found == Groups()
    group = found.make()
    assert group.folders == ()
    assert group.doors() == ()
    group.limit(memory=1 << 20, tasks=1)
    group.kill()
    group.close()


def test_v2_limits(tmp_path: Path) -> None:
    group = Groups(tmp_path, tmp_path, tmp_path).make()
    (folder,) = group.folders
    for name in ("pids.max", "memory.max", "memory.swap.max"):
        (folder / name).write_text("max")
    group.limit(memory=1 << 20, tasks=7)
    assert {file.name: file.read_text() for file in folder.iterdir()} == {
        "pids.max": "7",
        "memory.max": str(1 << 20),
        "memory.swap.max": "0",
    }


def test_a_group_that_will_not_go_goes_later(tmp_path: Path) -> None:
    groups = Groups(pids=tmp_path)
    group = groups.make()
    (folder,) = group.folders
    (folder / "busy").write_text("")
    group.close()
    assert groups.left == [folder]
    (folder / "busy").unlink()
    groups.make().close()
    assert list(tmp_path.iterdir()) == []
    assert groups.left == []


def test_the_groups_of_a_dead_driver_are_swept(tmp_path: Path) -> None:
    groups = Groups(pids=tmp_path)
    alive = groups.make()
    name = alive.folders[0].name
    mark, _, _ = name.rsplit("-", 2)
    (tmp_path / f"{mark}-99999999-0").mkdir()  # above every pid
    (tmp_path / "logosbox-0-99999999-0").mkdir()  # of another pid namespace
    groups.sweep()
    assert {folder.name for folder in tmp_path.iterdir()} == {name, "logosbox-0-99999999-0"}


def test_processors_are_shared_out_only_when_asked(tmp_path: Path) -> None:
    """In both layouts: the second has a tree for it alone."""
    for place in ("v2", "v1/pids", "v1/cpu"):
        (tmp_path / place).mkdir(parents=True)
    v2 = tmp_path / "v2"
    whole = Groups(v2, v2, v2, cpu=v2)
    assert whole.make().cpu is None
    group = whole.make(1.5)
    assert group.cpu is not None
    assert (group.cpu / "cpu.max").read_text() == "150000 100000"
    split = Groups(pids=tmp_path / "v1/pids", cpu=tmp_path / "v1/cpu")
    assert len(split.make().folders) == 1
    group = split.make(0.25)
    assert group.cpu is not None
    assert len(group.folders) == 2
    assert (group.cpu / "cpu.cfs_quota_us").read_text() == "25000"
