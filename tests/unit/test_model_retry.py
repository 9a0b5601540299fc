"""Asking again: when, how often, after how long.  No clock: waits are written down."""

from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logos.abi.errors import Code, SysError
from logos.abi.messages import AnyDelta, Finished, Request, Role, TextDelta, gather, said
from logos.drivers.model import Cut, Fail, Patience, Retry, Say, Scripted, Step

pytestmark = pytest.mark.anyio

REQUEST = Request(model="m", messages=(said(Role.USER, "hi"),))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def fail(code: Code, retry_after_s: float | None = None) -> Fail:
    return Fail(SysError(code, "sorry", retry_after_s=retry_after_s))


class Clock:
    """Sleeping is what makes its time go by."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> float:
        return sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def retry(
    clock: Clock, *steps: Step, patience: Patience | None = None, share: float = 1.0
) -> tuple[Retry, Scripted]:
    model = Scripted(steps)
    return (
        Retry(
            model,
            patience or Patience(first_s=1, longest_s=8),
            share=lambda: share,
            sleep=clock.sleep,
            now=clock.now,
        ),
        model,
    )


async def think(model: Retry) -> list[AnyDelta]:
    return [delta async for delta in model.think(REQUEST)]


async def test_waits_double_up_to_their_bound() -> None:
    clock = Clock()
    model, _ = retry(clock, *[fail(Code.UNAVAILABLE)] * 5, Say("ok"))
    assert gather(await think(model))[0].text == "ok"
    assert clock.waits == [1, 2, 4, 8, 8]


async def test_waits_are_a_random_share_of_their_bound() -> None:
    clock = Clock()
    model, _ = retry(clock, fail(Code.TIMEOUT), fail(Code.TIMEOUT), Say("ok"), share=0.25)
    await think(model)
    assert clock.waits == [0.25, 0.5]


async def test_a_provider_is_never_asked_before_it_said() -> None:
    clock = Clock()
    model, _ = retry(clock, fail(Code.LIMIT, 20), Say("ok"), share=0.5)
    await think(model)
    assert clock.waits == [20.5]


async def test_tries_are_bounded() -> None:
    clock = Clock()
    model, inner = retry(clock, *[fail(Code.LIMIT)] * 9, patience=Patience(tries=3))
    with pytest.raises(SysError) as caught:
        await think(model)
    assert caught.value.code is Code.LIMIT
    assert len(inner.requests) == 3


async def test_time_is_bounded_and_a_wait_that_would_pass_it_does_not_begin() -> None:
    clock = Clock()
    patience = Patience(tries=99, total_s=10, first_s=1, longest_s=8)
    model, inner = retry(clock, *[fail(Code.UNAVAILABLE)] * 9, patience=patience)
    with pytest.raises(SysError):
        await think(model)
    assert clock.waits == [1, 2, 4]
    assert len(inner.requests) == 4
    told, _ = retry(Clock(), fail(Code.LIMIT, 3600), Say("never"), patience=patience)
    with pytest.raises(SysError) as caught:
        await think(told)
    assert caught.value.retry_after_s == 3600


@pytest.mark.parametrize(
    "code", [Code.INVALID, Code.UNAUTHENTICATED, Code.NOT_FOUND, Code.CONTEXT, Code.MODEL]
)
async def test_what_will_be_the_same_next_time_is_not_asked_again(code: Code) -> None:
    clock = Clock()
    model, inner = retry(clock, fail(code), Say("never"))
    with pytest.raises(SysError) as caught:
        await think(model)
    assert caught.value.code is code
    assert (len(inner.requests), clock.waits) == (1, [])


async def test_an_answer_that_breaks_off_before_its_first_word_is_asked_for_again() -> None:
    clock = Clock()
    model, inner = retry(clock, Cut(Say("never"), deltas=0), Say("ok"))
    assert gather(await think(model))[0].text == "ok"
    assert len(inner.requests) == 2


async def test_an_answer_that_breaks_off_later_is_the_models_failure() -> None:
    clock = Clock()
    model, inner = retry(clock, Cut(Say("half", pieces=("ha", "lf"))), Say("never"))
    deltas = model.think(REQUEST)
    assert await anext(deltas) == TextDelta(text="ha")
    with pytest.raises(SysError) as caught:
        await anext(deltas)
    assert caught.value.code is Code.MODEL
    assert (len(inner.requests), clock.waits) == (1, [])


class Breaks(Scripted):
    """Says one word and then fails."""

    def __init__(self, code: Code) -> None:
        super().__init__([])
        self._code = code

    async def think(self, request: Request) -> AsyncGenerator[AnyDelta, None]:
        yield TextDelta(text="one")
        raise SysError(self._code, "sorry")


@pytest.mark.parametrize(
    ("inner", "outer"), [(Code.UNAVAILABLE, Code.MODEL), (Code.TIMEOUT, Code.TIMEOUT)]
)
async def test_after_the_first_word_nothing_is_asked_again(inner: Code, outer: Code) -> None:
    clock = Clock()
    model = Retry(Breaks(inner), sleep=clock.sleep, now=clock.now)
    with pytest.raises(SysError) as caught:
        await think(model)
    assert caught.value.code is outer
    assert not clock.waits


async def test_the_rest_is_the_models_own() -> None:
    model, inner = retry(Clock(), Say("ok"))
    assert model.profile == inner.profile
    assert model.count(REQUEST) == inner.count(REQUEST)
    assert isinstance((await think(model))[-1], Finished)
    await model.aclose()


@given(
    tried=st.integers(1, 60),
    share=st.floats(0, 1),
    told=st.none() | st.floats(0, 1e6, allow_nan=False),
)
def test_a_wait_is_within_its_bounds(tried: int, share: float, told: float | None) -> None:
    patience = Patience()
    wait = patience.wait(tried, told, share)
    if told is None:
        assert 0 <= wait <= min(patience.longest_s, patience.first_s * 2 ** (tried - 1))
    else:
        assert told <= wait <= told + patience.first_s
