"""install, skills, uninstall, as people use them."""

import pytest
from tests.cli.conftest import Place

pytestmark = pytest.mark.slow


def test_from_a_folder_and_back(place: Place) -> None:
    folder = place.folder / "letters"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: letters\ndescription: Ours.\n---\nBe short.\n")
    installed = place.data("install", "letters")
    assert installed["changed"]
    assert not place.data("install", "./letters")["changed"]
    [skill] = place.data("skills")
    assert (skill["name"], skill["version"]) == ("letters", installed["version"])
    assert place.data("uninstall", "letters") == {"name": "letters"}
    assert place.data("skills") == []
