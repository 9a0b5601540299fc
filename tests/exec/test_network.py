"""`logos exec --allow-net`: the hosts of a program, what its journal says of them, and a node that dies
while something is on its way."""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.exec.conftest import Place

pytestmark = pytest.mark.slow

FETCH = """
import json, os, sys, urllib.error, urllib.request
def get(url):
    try:
        return urllib.request.urlopen(url, timeout=20).read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.reason}"
    except OSError as error:
        return type(error).__name__
print(json.dumps([get(url) for url in sys.argv[1:]]), flush=True)
"""


class World(BaseHTTPRequestHandler):
    began = threading.Event()
    left = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            self.began.set()
            self.connection.settimeout(60)
            gone = not self.connection.recv(1)
            if gone:
                self.left.set()
        else:
            self.send_response(200)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def world() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), World)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def reached(place: Place, pid: int) -> list[tuple[int, str]]:
    said = place.logos("journal", str(pid), "--json").stdout.splitlines()
    found = [json.loads(line) for line in said]
    events = [line for line in found if line["type"] == "reached"]
    return [(event["port"], event.get("refused", "")) for event in events]


def pid_in(text: str) -> int:
    return int(text.partition("process ")[2].split()[0])


def test_a_program_reaches_its_hosts_its_models_and_nothing_else(place: Place) -> None:
    place.write("fetch.py", FETCH)
    with world() as port:
        urls = [
            f"http://localhost:{port}/",
            f"http://localhost:{port + 1}/",
            "http://evil.example/",
        ]
        host = f"localhost:{port}"
        done = place.logos(
            "exec", "--plain", "--allow-net", host, "--", sys.executable, "fetch.py", *urls
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found[0] == "hello"
        assert found[1].startswith(f"403 lacks connect:/net/localhost:{port + 1}")
        assert found[2].startswith("403 lacks connect:/net/evil.example")
        without = place.logos("exec", "--plain", "--", sys.executable, "fetch.py", urls[0])
        assert json.loads(without.stdout) == ["URLError"]
        said = reached(place, pid_in(done.stderr))
    assert (port, "") in said
    assert {(port + 1, "not granted"), (80, "not granted")} <= set(said)


def test_what_is_everything_is_not_limited_besides(place: Place) -> None:
    done = place.logos("exec", "--allow-net", "a.example", "--network", "--", sys.executable)
    assert done.returncode != 0
    assert "hint: give one of them" in done.stderr
    wrong = place.logos("exec", "--plain", "--allow-net", "a b", "--", sys.executable)
    assert "one of these is not a host" in wrong.stderr


def test_a_node_that_is_killed_takes_the_way_out_along_and_its_journal_knows(place: Place) -> None:
    place.write("fetch.py", FETCH)
    World.began.clear()
    World.left.clear()
    with world() as port:
        host = f"localhost:{port}"
        words = ("exec", "--plain", "--detach", "--allow-net", host, "--", sys.executable)
        pid = int(place.logos(*words, "fetch.py", f"http://{host}/slow").stdout)
        assert World.began.wait(60)
        status = json.loads(place.logos("status", "--json").stdout)["data"]
        os.kill(status["pid"], signal.SIGKILL)
        assert World.left.wait(60)
        assert reached(place, pid) == [(port, "")]
        with socket.create_connection(("127.0.0.1", port)) as still:
            assert still.fileno() > 0
