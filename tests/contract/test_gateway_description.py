"""The description of the API is true: what it allows is understood, what it forbids is refused, and
nothing that anybody sends is a bug of ours."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import schemathesis
from gateway_rig import rig
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.conftest import PATIENCE_S

from logos.abi.errors import Code, SysError
from logos.drivers.model import Say
from logos.gateway.chat import Chat
from logos.gateway.description import document
from logos.gateway.dialect import Dialect, Upstream
from logos.gateway.messages import Messages
from logos.gateway.responses import Responses

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/messages": Messages(),
    "/v1/responses": Responses(),
}
SCHEMA = schemathesis.openapi.from_dict(json.loads(document()))
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations()]  # type: ignore[union-attr]
BOUNDED = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
UNSAID = (
    "there is nothing to",
    "cannot be shown content",
    "not made here",
    "there is no item",
    "there is no response",
)
"""Why something is refused that no schema can say: it depends on the model, or on other fields."""
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


@pytest.mark.slow
@pytest.mark.parametrize("path", DIALECTS)
def test_whatever_a_request_has_it_is_understood_or_refused(path: str) -> None:
    """Whichever dialect the model speaks that will answer."""
    operation = SCHEMA[path]["POST"]
    both = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

    @BOUNDED
    @given(both)
    def understand(case: Any) -> None:
        body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
        for upstream in ("", "openai", "anthropic"):
            at = partial(Upstream, dialect=upstream)
            try:
                DIALECTS[path].understand(body, at).said.since()
            except SysError as error:
                assert error.code is Code.INVALID  # noqa: PT017 - any other is a bug

    understand()


@pytest.fixture
async def base(url: str, tmp_path: Path) -> AsyncIterator[str]:
    async with rig(url, tmp_path, lambda _: Say("yes")) as one:
        yield one.base


@pytest.mark.slow
@pytest.mark.anyio
async def test_the_gateway_does_what_its_description_says(base: str) -> None:
    """Schemathesis, over all operations, with what is right and what is wrong."""

    def explore() -> None:
        for operation in OPERATIONS:
            for mode in MODES if list(operation.body) else MODES[:1]:  # any path will do
                strategy = operation.as_strategy(generation_mode=mode)

                @BOUNDED
                @given(strategy)
                def ask(case: Any) -> None:
                    answer = case.call(base_url=base, timeout=PATIENCE_S)
                    if not any(why in answer.text for why in UNSAID):
                        case.validate_response(answer)

                ask()

    with anyio.fail_after(300):
        await anyio.to_thread.run_sync(explore)
