"""An OpenAPI document, mounted as people do."""

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
