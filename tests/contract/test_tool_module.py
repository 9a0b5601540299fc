"""Python modules mounted as tools: in a process of their own, in the sandbox."""

import sys
from pathlib import Path

import msgspec
import pytest
from mounted import called, opened

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.abi.tools import Place
from logos.drivers.sandbox import open_sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

HERE = Path(__file__).parent
MODULE = Place(python="module_of_tools", folder=str(HERE), own=True)


async def test_functions_are_tools(tmp_path: Path) -> None:
    full = open_sandbox(Mode.FULL, state=tmp_path / "state")
    async with opened(tmp_path, full, {"m": MODULE}) as places:
        offers = {offer.name: offer for offer in await places.tools.places["m"].offers()}
        assert {"area", "paint", "note", "see", "die", "odd"} <= set(offers)
        assert not {"_hidden", "Point", "dataclass"} & set(offers)
        schema = msgspec.json.decode(offers["paint"].schema)
        assert schema["required"] == ["where", "colour"]
        assert schema["properties"]["colour"] == {"enum": ["red", "blue"]}
        assert schema["properties"]["where"]["required"] == ["x"]
        width = msgspec.json.decode(offers["area"].schema)["properties"]["width"]
        assert width == {"type": "number", "description": "in metres"}
        assert offers["area"].description == "The area of a rectangle."
        assert (offers["area"].hints.read_only, offers["note"].hints.read_only) == (True, False)
        assert await called(places, tmp_path, "m/area", width=3) == 3.0
        painted = await called(places, tmp_path, "m/paint", where={"x": 1}, colour="red", times=2)
        assert painted["where"] == {"x": 1.0, "y": 0.0}
        assert painted["colour"] == "red"
        assert "note" in await called(places, tmp_path, "m/note", text="hé")
        assert (tmp_path / "process" / "note").read_text() == "hé"
        for tool, given, said in (
            ("m/area", {"width": "3"}, "TypeError"),
            ("m/paint", {"where": {"x": 1}, "colour": "green"}, "ValueError"),
            ("m/see", {"path": str(HERE / "conftest.py")}, "FileNotFoundError"),
            ("m/odd", {}, "not JSON"),
        ):
            with pytest.raises(SysError, match=said) as caught:
                await called(places, tmp_path, tool, **given)
            assert caught.value.code is Code.TOOL
        with pytest.raises(SysError) as caught:
            await called(places, tmp_path, "m/die")
        assert caught.value.code is Code.UNAVAILABLE
        assert await called(places, tmp_path, "m/area", width=2.0, height=2.0) == 4.0
    await full.aclose()


async def test_what_functions_return_and_how_they_end_is_always_an_answer(tmp_path: Path) -> None:
    """None of them may leave its caller to wait for the time of a call to run out."""
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    place = msgspec.structs.replace(MODULE, timeout_s=30)
    async with opened(tmp_path, box, {"m": place}) as places:
        offers = {offer.name: offer for offer in await places.tools.places["m"].offers()}
        assert msgspec.json.decode(offers["later"].schema)["properties"] == {
            "day": {"type": "string"},
            "price": {"type": "string"},
        }
        told = await called(places, tmp_path, "m/later", day="2026-01-31", price="1.10")
        assert told == ["2026-02-01", "2.20", "a"]
        assert await called(places, tmp_path, "m/untyped", thing={"a": [1]}) == {"a": [1]}
        assert await called(places, tmp_path, "m/surrogate") == "a?"
        assert await called(places, tmp_path, "m/numbers") == [1, 2]
        for tool, given, said in (
            ("m/uncountable", {}, "not JSON compliant"),
            ("m/leave", {}, "SystemExit: it leaves"),
            ("m/asking", {}, "EOFError"),
            ("m/later", {"day": "tomorrow", "price": "1"}, "ValueError"),
            ("m/later", {"day": "2026-01-31", "price": "much"}, "InvalidOperation"),
        ):
            with pytest.raises(SysError, match=said) as caught:
                await called(places, tmp_path, tool, **given)
            assert caught.value.code is Code.TOOL
    await box.aclose()


async def test_a_module_that_does_not_come_up(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    box = open_sandbox(Mode.NONE, state=tmp_path / "state")
    file = Place(python="broken.py", folder=str(tmp_path), interpreter=sys.executable)
    absent = Place(python="nowhere.deep", folder=str(tmp_path))
    async with opened(tmp_path, box, {"file": file, "absent": absent}) as places:
        with pytest.raises(SysError, match="nothing_of_that_name"):
            await places.tools.places["file"].offers()
        with pytest.raises(SysError, match="no module nowhere"):
            await places.tools.places["absent"].offers()
    await box.aclose()
