"""Documents and programs, mounted as people do."""

import json

import pytest
from tests.cli.conftest import Place

pytestmark = pytest.mark.slow


def test_mounted_listed_and_taken_away(place: Place) -> None:
    paths = {"/pets": {"get": {"operationId": "pets"}, "post": {"operationId": "newPet"}}}
    document = {"openapi": "3.0.0", "servers": [{"url": "http://127.0.0.1:9"}], "paths": paths}
    (place.folder / "api.json").write_text(json.dumps(document))
    made = place.data("mount", "zoo", "openapi", "api.json", "--host", "127.0.0.1")
    assert made["tools"] == ["newPet", "pets"]
    [shown] = place.data("mounts")
    assert (shown["kind"], shown["tools"]) == ("openapi", 2)
    place.data("umount", "zoo")
    assert place.run("mount", "zoo", "openapi", "none.json").returncode == 3
    assert place.data("mounts") == []


def test_a_command_is_mounted_with_options_anywhere(place: Place) -> None:
    program = place.folder / "hello"
    program.write_text('#!/bin/sh\necho "usage: hello [-n NAME]"\necho "  -n NAME  who"\n')
    program.chmod(0o755)
    made = place.data("mount", "greet", "command", "--network", "--", "./hello")
    assert made["tools"] == ["hello"]
    [shown] = place.data("mounts")
    assert (shown["kind"], shown["network"]) == ("command", True)
    place.data("umount", "greet")
