"""Attempts to use up the machine, or to outlive the run: `python -I -S attacks.py <name>`."""

# ruff: noqa: PTH102, PTH123, PTH202, UP031, T201

import os
import signal
import sys
import time


def fork_bomb() -> None:
    count = 0
    while True:
        try:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
        except OSError:
            print("stopped", count, flush=True)
            return
        count += 1


def fork_for_ever() -> None:
    while True:
        try:
            os.fork()
        except OSError:
            continue


def memory_bomb() -> None:
    kept = []
    try:
        while True:
            kept.append(bytearray(16 << 20))
    except MemoryError:
        print("stopped", len(kept) * 16, flush=True)


def memory_bombs() -> None:
    children = []
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            kept = bytearray(60 << 20)
            time.sleep(0.3)
            os._exit(len(kept) & 0)
        children.append(pid)
    killed = sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0 for pid in children)
    print("killed", killed, flush=True)


def cpu_spin() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def one_big_file() -> None:
    try:
        with open("big", "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
    except OSError as error:
        print("stopped", os.path.getsize("big"), error.errno, flush=True)


def many_files() -> None:
    count = 0
    try:
        while count < 64:
            with open("file%d" % count, "wb", buffering=0) as file:
                file.write(bytes(4 << 20))
            count += 1
    except OSError as error:
        print("stopped", count, error.errno, flush=True)


def tmpfs_fill() -> None:
    count = 0
    for folder in ("/tmp", "/dev/shm"):
        try:
            while count < 400:
                with open("%s/file%d" % (folder, count), "wb", buffering=0) as file:
                    if file.write(bytes(1 << 20)) < 1 << 20:
                        break
                count += 1
        except OSError:
            pass
    print("written", count, flush=True)


def endless_output() -> None:
    while True:
        os.write(1, b"x" * 65536)


def daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            time.sleep(60)
        os._exit(0)
    time.sleep(0.1)
    print("parent done", flush=True)


def daemon_with_pipe() -> None:
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    print("parent done", flush=True)


def ignore_sigterm() -> None:
    for number in range(1, 32):
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def descriptors() -> None:
    count = 0
    try:
        while count < 1 << 20:
            os.dup(1)
            count += 1
    except OSError:
        print("stopped", count, flush=True)


def deep_folders() -> None:
    depth = 0
    while depth < 3000:
        os.mkdir("d")
        os.chdir("d")
        depth += 1
    print("depth", depth, flush=True)


ATTACKS = {
    "fork bomb": fork_bomb,
    "fork for ever": fork_for_ever,
    "memory bomb": memory_bomb,
    "memory bombs": memory_bombs,
    "cpu spin": cpu_spin,
    "sleep": sleep,
    "one big file": one_big_file,
    "many files": many_files,
    "tmpfs fill": tmpfs_fill,
    "endless output": endless_output,
    "daemon": daemon,
    "daemon with pipe": daemon_with_pipe,
    "ignore sigterm": ignore_sigterm,
    "stop itself": stop_itself,
    "descriptors": descriptors,
    "deep folders": deep_folders,
}

if __name__ == "__main__":
    ATTACKS[sys.argv[1]]()
