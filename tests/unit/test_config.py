"""Settings: defaults < file < environment, and a wrong one says which and where."""

from pathlib import Path

import msgspec
import pytest

from logos.abi.driver import Mode
from logos.abi.errors import Code, SysError
from logos.config import Config, load, secret, settings


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "logos.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path | None, **environ: str) -> SysError:
    with pytest.raises(SysError) as caught:
        load(path, environ)
    assert caught.value.code is Code.INVALID
    return caught.value


def test_nothing_set_is_the_defaults(tmp_path: Path) -> None:
    assert load(None, {}).config == Config() == load(tmp_path / "none.toml", {}).config
    assert {origin for _, _, origin in settings(load(None, {}))} == {"default"}


def test_each_source_beats_the_one_before_and_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, '[store]\npool = 3\n[node]\nlease_s = 4\n[sandbox]\nmode = "none"\n')
    loaded = load(path, {"LOGOS_NODE_LEASE_S": "2.5", "LOGOS_MODEL": "m", "HOME": "/x"})
    assert loaded.config.store.pool == 3
    assert loaded.config.node.lease_s == 2.5
    assert loaded.config.sandbox.mode is Mode.NONE
    assert loaded.config.model == "m"
    shown = {name: (value, origin) for name, value, origin in settings(loaded)}
    assert shown["store.pool"] == ("3", str(path))
    assert shown["node.lease_s"] == ("2.5", "LOGOS_NODE_LEASE_S")
    assert shown["model"] == ('"m"', "LOGOS_MODEL")
    assert shown["store.patience_s"] == ("60.0", "default")


def test_a_variable_names_a_setting_two_levels_down(tmp_path: Path) -> None:
    path = written(
        tmp_path, "[limits.node]\ntokens_per_day = 5\n[limits.principal]\ncost_per_day = 1\n"
    )
    loaded = load(path, {"LOGOS_LIMITS_PRINCIPAL_COST_PER_DAY": "2.5"})
    assert loaded.config.limits.principal.cost_per_day == 2.5
    assert loaded.config.limits.node.tokens_per_day == 5
    shown = {name: origin for name, _, origin in settings(loaded)}
    assert shown["limits.principal.cost_per_day"] == "LOGOS_LIMITS_PRINCIPAL_COST_PER_DAY"
    assert "limits" in refused(path, LOGOS_LIMITS_NODE="3").message


def test_models_are_read_by_name(tmp_path: Path) -> None:
    path = written(tmp_path, '[models."a/b"]\nurl = "http://x"\nprice = {input = 5}\n')
    endpoint = load(path, {}).config.models["a/b"]
    assert (endpoint.url, endpoint.price and endpoint.price.input) == ("http://x", 5)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[store]\npol = 3\n", "pol"),
        ("[stroe]\npool = 3\n", "stroe"),
        ("[store]\npool = 0\n", "$.store.pool"),
        ('[store]\npool = "many"\n', "$.store.pool"),
        ('[sandbox]\nmode = "some"\n', "$.sandbox.mode"),
        ("[models.x]\nwindow = 3\n", "$.models[...].window"),
        ("[store\n", "logos.toml"),
        (b"model = '\xff'\n", "logos.toml"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str | bytes, named: str) -> None:
    error = refused(written(tmp_path, text))
    assert named in error.message
    assert "logos.toml" in f"{error.message} {error.hint}" or "TOML" in error.hint


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LOGOS_STORE_POL", "3", "pol"),
        ("LOGOS_STORE_POOL", "many", "$.store.pool"),
        ("LOGOS_SANDBOX_MODE", "weak", "$.sandbox.mode"),
        ("LOGOS_MODEL_NAME", "x", "$.model"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, named: str) -> None:
    error = refused(None, **{variable: value})
    assert named in error.message
    assert variable in error.hint


def test_a_variable_inside_what_is_no_section(tmp_path: Path) -> None:
    assert (
        "LOGOS_STORE_URL" in refused(written(tmp_path, 'store = "x"\n'), LOGOS_STORE_URL="y").hint
    )
    assert "LOGOS_MODEL_X" in refused(None, LOGOS_MODEL="m", LOGOS_MODEL_X="y").hint


def test_variables_of_others_and_empty_ones_are_left_alone() -> None:
    environ = {"LOGOS_CONFIG": "/x", "LOGOS_TEST_PG": "y", "LOGOS_STORE_URL": "", "STORE_POOL": "9"}
    assert load(None, environ).config == Config()


def test_secrets_are_references(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-1\n")
    assert secret("", {}) == ""
    assert secret("env:KEY", {"KEY": "sk-2"}) == "sk-2"
    assert secret(f"file:{key}", {}) == "sk-1"
    for reference in ("env:NONE", f"file:{tmp_path}/none", "sk-3", "vault:x"):
        with pytest.raises(SysError) as caught:
            secret(reference, {})
        assert caught.value.code is Code.UNAUTHENTICATED
    with pytest.raises(SysError) as caught:
        secret("sk-3", {})
    assert "sk-3" not in f"{caught.value}"


def test_settings_can_be_read_back() -> None:
    rows = settings(load(None, {"LOGOS_NODE_RESIDENT": "5"}))
    values = {name: msgspec.json.decode(value) for name, value, _ in rows}
    assert values["node.resident"] == 5
    assert values["agents"] == []
