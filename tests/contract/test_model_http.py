"""What can go wrong between a hosted model and its provider, and what the driver makes of it.

Each test runs in both dialects.  Whoever has seen a provider misbehave in a new way adds it here.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import anyio
import pytest
from model_dialects import SpelledChat, SpelledMessages, Spelling
from model_rigs import KEY, asking
from tests.conftest import PATIENCE_S

from logos.abi.errors import Code, SysError
from logos.abi.messages import AnyDelta, Finish, TextDelta, Usage, gather
from logos.drivers.model import Driver, Endpoint, Patience, Retry, Say, open_model
from model_server import JSON, Loopback, loopback, raw, slam, stream, whole

pytestmark = pytest.mark.anyio

ONCE = Patience(tries=1)
PIECES = ("Grüß ", "Gott ", "😀")


@dataclass
class Line:
    """A driver that asks once, the server behind it, and how its provider spells."""

    driver: Driver
    server: Loopback
    spelling: Spelling
    open: Callable[..., Driver]

    def patient(self, patience: Patience, waits: list[float]) -> Retry:
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        return Retry(self.driver, patience, sleep=sleep, share=lambda: 0.5)


@pytest.fixture(params=["openai", "anthropic"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    async with loopback() as server:
        opened: list[Driver] = []

        def opener(**settings: object) -> Driver:
            name, path = ("vllm/m", "/v1") if request.param == "openai" else ("anthropic/m", "")
            given = {"url": server.url + path, "key": KEY, "timeout_s": PATIENCE_S} | settings
            opened.append(open_model(name, Endpoint(**given), patience=ONCE))  # type: ignore[arg-type]
            return opened[-1]

        spelling = SpelledChat() if request.param == "openai" else SpelledMessages()
        yield Line(driver=opener(), server=server, spelling=spelling, open=opener)
        for driver in opened:
            await driver.aclose()


async def think(driver: Driver) -> list[AnyDelta]:
    async with aclosing(driver.think(asking())) as deltas:
        return [delta async for delta in deltas]


async def fails(driver: Driver) -> SysError:
    with pytest.raises(SysError) as caught:
        await think(driver)
    assert KEY not in str(caught.value) + repr(caught.value.__cause__)
    return caught.value


def error(kind: str, message: str, code: object = None) -> bytes:
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message, "code": code}}
    ).encode()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, error("invalid_request_error", "no such field"), Code.INVALID),
        (400, error("x", "maximum context length is 8192 tokens"), Code.CONTEXT),
        (400, error("x", "too big", "context_length_exceeded"), Code.CONTEXT),
        (400, error("invalid_request_error", "prompt is too long: 9 tokens > 8"), Code.CONTEXT),
        (400, error("exceed_context_size_error", "request (9 tokens)"), Code.CONTEXT),
        (400, error("x", "flagged", "content_filter"), Code.MODEL),
        (401, error("authentication_error", f"wrong key {KEY}"), Code.UNAUTHENTICATED),
        (402, error("billing_error", "pay"), Code.MODEL),
        (403, error("permission_error", f"not for {KEY[:9]}...xyz"), Code.UNAUTHENTICATED),
        (404, error("not_found_error", "model: m"), Code.NOT_FOUND),
        (408, b"", Code.TIMEOUT),
        (413, b"<html>too large</html>", Code.CONTEXT),
        (422, b'{"detail":[{"msg":"field required"}]}', Code.INVALID),
        (429, error("rate_limit_error", "slow down"), Code.LIMIT),
        (429, error("x", "no money", "insufficient_quota"), Code.MODEL),
        (500, error("api_error", "oops"), Code.UNAVAILABLE),
        (503, b"upstream connect error", Code.UNAVAILABLE),
        (504, b"", Code.TIMEOUT),
        (529, error("overloaded_error", "Overloaded"), Code.UNAVAILABLE),
        (307, b"", Code.MODEL),
    ],
)
async def test_a_status_becomes_its_code(line: Line, status: int, body: bytes, code: Code) -> None:
    line.server.replies.append(whole(body, status=status))
    assert (await fails(line.driver)).code is code


async def test_the_providers_words_are_passed_on_but_not_the_key(line: Line) -> None:
    line.server.replies.append(whole(error("x", f"bad\nkey {KEY}, sorry"), status=401))
    failure = await fails(line.driver)
    assert "bad key ***, sorry" in failure.message


async def test_429_with_retry_after_and_then_an_answer(line: Line) -> None:
    line.server.replies += [
        whole(error("rate_limit_error", "slow down"), status=429, retry_after="7"),
        stream(line.spelling.events(Say("ok"))),
    ]
    waits: list[float] = []
    message, finished = gather(await think(line.patient(Patience(first_s=1), waits)))
    assert (message.text, waits) == ("ok", [7.5])
    assert finished


async def test_500_three_times_is_an_error_after_three_tries(line: Line) -> None:
    line.server.replies += [whole(b"", status=500)] * 3
    waits: list[float] = []
    failure = await fails(line.patient(Patience(tries=3, first_s=1), waits))
    assert failure.code is Code.UNAVAILABLE
    assert waits == [0.5, 1.0]
    assert len(line.server.seen) == 3


async def test_an_error_in_the_stream_keeps_its_meaning(line: Line) -> None:
    cases = {"overloaded_error": Code.UNAVAILABLE, "rate_limit_error": Code.LIMIT}
    for kind, code in cases.items():
        event = b"event: error\ndata: " + error(kind, "sorry") + b"\n\n"
        line.server.replies.append(stream([event]))
        assert (await fails(line.driver)).code is code


async def test_an_error_instead_of_json_keeps_its_meaning(line: Line) -> None:
    line.server.replies.append(whole(error("overloaded_error", "sorry")))
    assert (await fails(line.driver)).code is Code.UNAVAILABLE


@pytest.mark.parametrize("ends", [True, False])
async def test_half_a_stream_fails_after_its_words_were_delivered(
    line: Line, *, ends: bool
) -> None:
    events = line.spelling.events(Say("", pieces=("one ", "two")))
    cut = next(at for at, event in enumerate(events) if b"two" in event)
    line.server.replies.append(stream(events[:cut], ends=ends))
    waits: list[float] = []
    deltas = line.patient(Patience(), waits).think(asking())
    assert await anext(deltas) == TextDelta(text="one ")
    with pytest.raises(SysError) as caught:
        await anext(deltas)
    assert caught.value.code is Code.MODEL
    assert not waits


@pytest.mark.parametrize("ends", [True, False])
async def test_half_a_stream_with_no_words_is_asked_for_again(line: Line, *, ends: bool) -> None:
    first = line.spelling.events(Say("never"))[:1]
    line.server.replies += [stream(first, ends=ends), stream(line.spelling.events(Say("ok")))]
    waits: list[float] = []
    assert gather(await think(line.patient(Patience(), waits)))[0].text == "ok"
    assert len(waits) == 1


async def test_an_answer_is_whole_once_the_provider_has_said_why_it_stopped(line: Line) -> None:
    events = line.spelling.events(Say("all of it"))
    line.server.replies.append(stream(events[:-1], ends=False))
    message, finished = gather(await think(line.driver))
    assert message.text == "all of it"
    assert finished
    assert finished.reason is Finish.STOP


async def test_a_last_event_without_its_blank_line_counts(line: Line) -> None:
    events = b"".join(line.spelling.events(Say("ok"))).rstrip(b"\n") + b"\n"
    line.server.replies.append(stream([events]))
    assert gather(await think(line.driver))[1]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_bytes_may_be_cut_anywhere_even_in_a_character(line: Line, size: int) -> None:
    data = b"".join(line.spelling.events(Say("", pieces=PIECES)))
    assert "ü".encode() in data
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    line.server.replies.append(stream(pieces))
    assert gather(await think(line.driver))[0].text == "".join(PIECES)


async def test_carriage_returns_and_comments_are_part_of_the_format(line: Line) -> None:
    data = b": queued\n\n" + b"".join(line.spelling.events(Say("ok")))
    line.server.replies.append(stream([b"\n\n", data.replace(b"\n", b"\r\n")]))
    assert gather(await think(line.driver))[0].text == "ok"


async def test_words_that_arrive_together_are_one_delta(line: Line) -> None:
    line.server.replies.append(stream([b"".join(line.spelling.events(Say("", pieces=PIECES)))]))
    assert (await think(line.driver))[0] == TextDelta(text="".join(PIECES))


async def test_half_a_surrogate_pair_becomes_a_replacement_character(line: Line) -> None:
    data = b"".join(line.spelling.events(Say("x@y")))
    line.server.replies.append(stream([data.replace(b"@", rb"\ud83d")]))
    assert gather(await think(line.driver))[0].text == "x\ufffdy"


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {]\n\n",
        b'data: "text"\n\n',
        b"data: \xff\xfe\n\n",
        b'data: {"choices":3,"type":3}\n\n',
    ],
)
async def test_garbage_in_a_stream_is_the_models_failure(line: Line, garbage: bytes) -> None:
    line.server.replies.append(stream([garbage]))
    assert (await fails(line.driver)).code is Code.MODEL


async def test_what_is_not_http_is_the_models_failure(line: Line) -> None:
    line.server.replies += [raw(b"\x00\x01 hello\r\n\r\n")] * 2
    assert (await fails(line.driver)).code is Code.MODEL


async def test_garbage_instead_of_json_is_the_models_failure(line: Line) -> None:
    for body in (b"", b"[]", b'{"choices": []}', b"<html>"):
        line.server.replies.append(whole(body))
        assert (await fails(line.driver)).code in {Code.MODEL, Code.UNAVAILABLE}


async def test_a_web_page_is_no_answer(line: Line) -> None:
    line.server.replies.append(whole(b"<html>Welcome</html>", kind="text/html"))
    failure = await fails(line.driver)
    assert failure.code is Code.MODEL
    assert "url" in failure.hint


async def test_json_is_understood_where_a_stream_was_asked_for(line: Line) -> None:
    line.server.replies.append(whole(line.spelling.whole(Say("ok")), kind=f"{JSON}; charset=utf-8"))
    assert gather(await think(line.driver))[0].text == "ok"


async def test_a_refused_connection_is_unavailable() -> None:
    async with loopback() as server:
        port = server.port
    driver = open_model("vllm/m", Endpoint(url=f"http://127.0.0.1:{port}/v1"), patience=ONCE)
    failure = await fails(driver)
    await driver.aclose()
    assert failure.code is Code.UNAVAILABLE


async def test_a_late_first_byte_is_a_timeout(line: Line) -> None:
    line.server.replies.append(line.server.hang())
    assert (await fails(line.open(timeout_s=0.05))).code is Code.TIMEOUT
    with anyio.fail_after(PATIENCE_S):
        await line.server.gone.wait()


async def test_silence_between_words_is_a_timeout(line: Line) -> None:
    events = line.spelling.events(Say("", pieces=("one", "two")))
    cut = next(at for at, event in enumerate(events) if b"two" in event)
    line.server.replies.append(line.server.hang(*events[:cut]))
    assert (await fails(line.open(timeout_s=0.05))).code is Code.TIMEOUT


async def test_a_kept_connection_is_used_again(line: Line) -> None:
    line.server.replies += [stream(line.spelling.events(Say("ok")))] * 3
    for _ in range(3):
        await think(line.driver)
    assert [seen.connection for seen in line.server.seen] == [1, 1, 1]


async def test_a_kept_connection_is_not_kept_for_ever(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logos.drivers.model.wire.KEEPALIVE_S", 0.01)
    line.server.replies += [stream(line.spelling.events(Say("ok")))] * 2
    with anyio.fail_after(PATIENCE_S):
        await think(line.driver)
        while line.server.open:
            await anyio.wait_all_tasks_blocked()
        await think(line.driver)
    assert [seen.connection for seen in line.server.seen] == [1, 2]


async def test_there_are_no_more_connections_than_thoughts_at_once(line: Line) -> None:
    line.server.replies += [stream(line.spelling.events(Say("ok")))] * 6
    driver = line.open(concurrency=2)
    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(think, driver)
    assert line.server.connections <= 2


async def test_a_kept_connection_that_dies_before_the_first_byte_costs_nothing(line: Line) -> None:
    answer = stream(line.spelling.events(Say("ok")))
    line.server.replies += [answer, slam(), answer]
    await think(line.driver)
    assert gather(await think(line.driver))[0].text == "ok"
    assert [seen.connection for seen in line.server.seen] == [1, 1, 2]


async def test_a_stream_that_is_not_closed_after_its_end_holds_nobody_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logos.drivers.model.wire.REST_S", 0.02)
    line.server.replies.append(line.server.hang(*line.spelling.events(Say("ok"))))
    with anyio.fail_after(PATIENCE_S / 2):  # less than the driver's patience
        assert gather(await think(line.driver))[1]
        await line.server.gone.wait()


async def test_counting_learns_from_what_is_reported(line: Line) -> None:
    before = line.driver.count(asking())
    usage = Usage(input=2 * before, output=1)
    line.server.replies.append(stream(line.spelling.events(Say("ok", usage=usage))))
    await think(line.driver)
    assert line.driver.count(asking()) >= 2 * before


async def test_a_server_that_always_hangs_up_is_unavailable(line: Line) -> None:
    line.server.replies += [slam()] * 2
    assert (await fails(line.driver)).code is Code.UNAVAILABLE


async def test_the_key_is_nowhere_but_in_its_header(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.server.replies.append(stream(line.spelling.events(Say("ok"))))
    with caplog.at_level(logging.DEBUG, logger="logos"):
        await think(line.driver)
    seen = line.server.seen[0]
    assert KEY in seen.headers.get("authorization", "") + seen.headers.get("x-api-key", "")
    assert KEY.encode() not in seen.body
    assert KEY not in caplog.text
    assert KEY not in repr(Endpoint(key=KEY))


async def test_a_driver_does_not_read_on_without_end(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logos.drivers.model.wire.ANSWER_BYTES", 1000)
    line.server.replies.append(stream([b": " + b"x" * 2000 + b"\n"]))
    assert (await fails(line.driver)).code is Code.MODEL
