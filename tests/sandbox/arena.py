"""Runs hostile programs in the sandbox, in namespaces made for it, and says what they did.

    unshare -m -p -f --mount-proc ... python arena.py probes|attacks <mode> <folder>

The folder is covered by a tmpfs, so nothing hostile touches a disk; the pid namespace is its
own, so "no process left" means that the very list of processes is the one from before.
Prints one JSON object last.
"""

# ruff: noqa: ASYNC221, PTH208, T201

import json
import os
import shutil
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from subprocess import run

import anyio

from logos.abi.driver import Command, Mode
from logos.drivers.sandbox import open_sandbox

PYTHON = "/usr/bin/python3"
HERE = Path(__file__).parent
ENDLESS = {"cpu spin", "sleep", "ignore sigterm", "stop itself", "fork for ever"}


def prepare(folder: Path) -> tuple[Path, Path]:
    """A workspace, and a folder with the programs and what they look for."""
    run(["mount", "-t", "tmpfs", "-o", "size=192m,mode=0755", "none", str(folder)], check=True)
    run(["mount", "-t", "tmpfs", "none", "/usr/local/share"], check=True)
    work, shown = folder / "work", folder / "shown"
    work.mkdir(mode=0o700)
    shown.mkdir()
    for name in ("probes.py", "attacks.py"):
        shutil.copy(HERE / name, shown)
    return work, shown


def serve(family: int, address: object, kind: int = socket.SOCK_STREAM) -> socket.socket:
    s = socket.socket(family, kind)
    s.bind(address)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        s.listen()
    if isinstance(address, str) and not address.startswith("\0"):
        Path(address).chmod(0o777)
    threading.Thread(target=_answer, args=(s, kind), daemon=True).start()
    return s


def _answer(s: socket.socket, kind: int) -> None:
    while True:
        try:
            if kind == socket.SOCK_STREAM:
                with s.accept()[0] as client:
                    client.sendall(b"HOST")
            else:
                data, who = s.recvfrom(9)
                if who:
                    s.sendto(data, who)
        except OSError:
            return


async def probes(mode: Mode, folder: Path) -> dict[str, object]:
    work, shown = prepare(folder)
    secret = folder / "secret"
    secret.write_text("TOPSECRET")
    secret.chmod(0o600)
    suid = shown / "whoami"
    shutil.copy("/usr/bin/id", suid)
    suid.chmod(0o4755)
    os.set_inheritable(os.open(secret, os.O_RDONLY), True)
    with ExitStack() as sockets:
        tcp = sockets.enter_context(serve(socket.AF_INET, ("127.0.0.1", 0)))
        udp = sockets.enter_context(serve(socket.AF_INET, ("127.0.0.1", 0), socket.SOCK_DGRAM))
        name = f"logos-{os.getpid()}-{folder.name}"
        for address in (str(work / "host.sock"), str(folder / "host.sock"), "\0" + name):
            sockets.enter_context(serve(socket.AF_UNIX, address))
        datagram = str(work / "datagram.sock")
        sockets.enter_context(serve(socket.AF_UNIX, datagram, socket.SOCK_DGRAM))
        host = {
            "pid": os.getpid(),
            "secret": str(secret),
            "outside": str(folder),
            "suid": str(suid),
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "unix": str(folder / "host.sock"),
            "abstract": name,
            "datagram": "datagram.sock",
        }
        argv = (PYTHON, "-I", "-S", str(shown / "probes.py"), json.dumps(host))
        command = Command(argv=argv, workspace=work, readable=(shown,))
        done = await open_sandbox(mode, state=folder / "state").run(command)
        if done.status:
            raise SystemExit(done.stderr.decode())
        found: dict[str, object] = json.loads(done.stdout)
        # Inside, a folder of the same name may have been written: what counts is this one.
        found["write outside the workspace"] = [(folder / "evil").exists(), "seen from outside"]
        if mode is Mode.NONE:  # even this mode keeps two things in, so show the probes work
            plain = run(argv, cwd=work, close_fds=False, capture_output=True, check=True)
            for name in ("own environment", "inherited descriptors"):
                found[name] = json.loads(plain.stdout)[name]
    return found


async def attacks(mode: Mode, folder: Path) -> dict[str, object]:
    work, shown = prepare(folder)
    sandbox = open_sandbox(mode, state=folder / "state")
    found: dict[str, object] = {
        "layers": {layer.name: layer.available for layer in sandbox.layers()}
    }
    sys.path.insert(0, str(shown))
    import attacks as listed  # noqa: PLC0415 - from the copy that the sandbox sees

    for name in listed.ATTACKS:
        before = processes()
        done = await sandbox.run(
            Command(
                argv=(PYTHON, "-I", "-S", str(shown / "attacks.py"), name),
                workspace=work,
                readable=(shown,),
                timeout_s=0.8 if name in ENDLESS else 10,
                output_bytes=64 << 10,
                memory_bytes=256 << 20,
                processes=32,
                file_bytes=16 << 20,
            )
        )
        found[name] = {
            "status": done.status,
            "stdout": done.stdout.decode()[:200],
            "stderr": done.stderr.decode()[-200:],
            "kept": len(done.stdout),
            "seconds": done.seconds,
            "timed_out": done.timed_out,
            "truncated": done.truncated,
            "left": sorted(processes() - before),
        }
        for entry in os.listdir(work):
            run(["rm", "-rf", "--", str(work / entry)], check=True)
    return found


def processes() -> set[int]:
    """All of this pid namespace, zombies too."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


async def main() -> None:
    what, mode, folder = sys.argv[1:]
    role = {"probes": probes, "attacks": attacks}[what]
    print(json.dumps(await role(Mode(mode), Path(folder))))


if __name__ == "__main__":
    anyio.run(main)
