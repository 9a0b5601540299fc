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


def test_a_skill_is_named_by_its_file_and_a_folder_of_skills_says_what_is_in_it(
    place: Place,
) -> None:
    shelf = place.folder / "shelf"
    for name in ("poems", "songs"):
        (shelf / name).mkdir(parents=True)
        (shelf / name / "SKILL.md").write_text(f"---\nname: {name}\ndescription: Ours.\n---\n")
    refused = place.run("install", "shelf", "--plain")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "hint: name one of the skills in it: poems, songs" in refused.stderr
    assert place.data("install", "shelf/poems/SKILL.md")["name"] == "poems"
    assert [one["name"] for one in place.data("ls", "/skills")] == ["poems"]
    assert "Ours." in place.data("cat", "/skills/poems/SKILL.md")["text"]
    assert place.data("grep", "ours", "/skills")[0]["path"] == "/skills/poems/SKILL.md"
    assert {"name": "tools", "kind": "folder", "size": 0, "note": ""} in place.data("ls", "/")
    assert place.run("cat", "/skills/../etc/passwd").returncode == 3
    assert place.run("cat", "/skills/poems/../../../../etc/passwd").returncode == 3
    place.data("uninstall", "poems")


def test_a_mistake_is_told_in_the_form_that_was_asked_for(place: Place) -> None:
    plain = place.run("install", "--plain")
    assert (plain.returncode, plain.stdout) == (2, "")
    assert '"invalid"' in place.run("install", "--json").stdout
