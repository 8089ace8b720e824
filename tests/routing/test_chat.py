"""Replies through the real litellm, from a server that misbehaves on demand."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from routing.chat import import_litellm, stream
from routing.conversation import Delta, Reply, Thinking, Turn, Usage
from routing.errors import (
    AuthError,
    ContextError,
    CutError,
    NetworkError,
    NoCreditError,
    NoKeyError,
    NoModelError,
    RateLimitError,
    ReplyError,
    ServiceError,
)
from routing.models import Model, Sampling
from routing.tokens import count_tokens
from tests.servers import HUGE_CHARACTERS, REPLY, ScriptedServer, pieces, usage_of

Serve = Callable[..., ScriptedServer]

KEY = "sk-proj-A7qZ4mXw9TfB2LkR8sVn3DhJ"
TURNS = (Turn("user", "What is six times seven?"),)
OFFLINE = "127.0.0.1:9"  # the discard port, where nothing listens
PATIENCE = 30.0  # seconds that the slowest machine needs for anything but a silence
SILENCE = 1.5


@dataclass(frozen=True)
class Outcome:
    """What a call gave: the text that streamed, and the reply or the error."""

    text: str
    reply: Reply | None = None
    error: ReplyError | None = None


async def ask(
    model: Model, *, key: str | None = KEY, timeout: float = PATIENCE, retries: int = 2
) -> Outcome:
    text = ""
    try:
        async for piece in stream(model, TURNS, key=key, timeout=timeout, retries=retries):
            if isinstance(piece, Delta):
                text += piece.text
            elif isinstance(piece, Reply):
                return Outcome(text, reply=piece)
    except ReplyError as error:
        return Outcome(text, error=error)
    raise AssertionError("a stream ends with a reply or an error")


def model_at(server: ScriptedServer, name: str = "big") -> Model:
    return Model(name, api_base=server.url)


async def test_model_that_reasons_first_says_so_once(serve: Serve) -> None:
    got = [piece async for piece in stream(model_at(serve("reasoning")), TURNS, key=KEY)]
    assert got[0] == Thinking()
    assert [piece.text for piece in got[1:-1]] == pieces(REPLY)


async def test_reply_streams_in_pieces_and_then_comes_whole(serve: Serve) -> None:
    server = serve("ok")
    got = [piece async for piece in stream(model_at(server), TURNS, key=KEY)]
    assert [piece.text for piece in got[:-1]] == pieces(REPLY)
    assert got[-1].text == REPLY
    assert got[-1].finish_reason == "stop"


async def test_usage_is_the_providers_with_cached_tokens(serve: Serve) -> None:
    outcome = await ask(model_at(serve("ok")))
    completion = usage_of(REPLY)["completion_tokens"]
    assert outcome.reply.usage == Usage(120, completion, cached_tokens=40, estimated=False)


async def test_request_carries_the_turns_and_the_bare_model_name(serve: Serve) -> None:
    server = serve("ok")
    await ask(model_at(server, "openai/big"))
    [request] = server.requests
    assert request.body["model"] == "big"
    assert request.body["messages"] == [{"role": "user", "content": TURNS[0].text}]
    assert "max_tokens" not in request.body


@pytest.mark.parametrize("mode", ["no_usage", "wrong_usage", "nonsense_usage", "reasoning"])
async def test_usage_that_is_missing_or_cannot_be_true_is_estimated(
    serve: Serve, mode: str
) -> None:
    outcome = await ask(model_at(serve(mode)))
    assert outcome.text == outcome.reply.text == REPLY
    usage = outcome.reply.usage
    assert usage.estimated
    assert 5 <= usage.prompt_tokens <= 30
    assert 8 <= usage.completion_tokens <= 40


@pytest.mark.parametrize(("mode", "reason"), [("length", "length"), ("filtered", "content_filter")])
async def test_finish_reason_is_kept(serve: Serve, mode: str, reason: str) -> None:
    outcome = await ask(model_at(serve(mode)))
    assert outcome.reply.text == REPLY
    assert outcome.reply.finish_reason == reason


async def test_halves_of_a_character_are_joined_or_replaced(serve: Serve) -> None:
    outcome = await ask(model_at(serve("split_emoji")))
    assert outcome.text == outcome.reply.text == "smile 😀 and \ufffd half "
    refused = await ask(model_at(serve("400_half")))
    for text in (outcome.text, str(refused.error), refused.error.detail):
        text.encode()


async def test_huge_reply_comes_whole(serve: Serve) -> None:
    outcome = await ask(model_at(serve("huge")))
    assert len(outcome.text) > 0.99 * HUGE_CHARACTERS
    assert outcome.text == outcome.reply.text


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("401", AuthError),
        ("403", AuthError),
        ("404", NoModelError),
        ("429", RateLimitError),
        ("quota", NoCreditError),
        ("400", ServiceError),
        ("500", ServiceError),
        ("503", ServiceError),
        ("overflow", ContextError),
        ("empty", ServiceError),
        ("withheld", ServiceError),
        ("html", ServiceError),
    ],
)
async def test_each_refusal_has_its_error(serve: Serve, mode: str, kind: type[ReplyError]) -> None:
    server = serve(mode)
    outcome = await ask(model_at(server), retries=0)
    assert type(outcome.error) is kind
    assert outcome.text == ""
    assert "big" in str(outcome.error)
    assert outcome.error.hint
    assert len(server.requests) == 1


async def test_server_of_ones_own_is_asked_for_the_nearest_names(serve: Serve) -> None:
    server = serve("404", models=("llama-3-8b", "llama-3-70b", "whisper"))
    outcome = await ask(Model("llama3-8b", api_base=server.url))
    assert type(outcome.error) is NoModelError
    assert "llama-3-8b" in outcome.error.hint
    assert "whisper" not in outcome.error.hint
    assert server.asked_models == [KEY]


async def test_server_that_lists_the_model_it_refuses_has_no_better_name(serve: Serve) -> None:
    outcome = await ask(Model("strong", api_base=serve("404", models=("strong", "weak")).url))
    assert "Did you mean" not in outcome.error.hint
    assert "It serves" not in outcome.error.hint


async def test_server_without_a_near_name_tells_all_that_it_serves(serve: Serve) -> None:
    outcome = await ask(Model("zzzz", api_base=serve("404", models=("strong", "weak")).url))
    assert "It serves: strong, weak" in outcome.error.hint


@pytest.mark.parametrize("listing", ["hang", "garbage", "404"])
async def test_server_that_lists_no_models_changes_nothing(serve: Serve, listing: str) -> None:
    outcome = await ask(Model("zzzz", api_base=serve("404", listing=listing).url))
    assert type(outcome.error) is NoModelError
    assert outcome.error.hint


@pytest.mark.parametrize("mode", ["cut", "reset", "end_mid", "garbage", "wrong_shape", "error_mid"])
async def test_broken_stream_keeps_its_text_and_is_a_cut(serve: Serve, mode: str) -> None:
    server = serve(mode)
    outcome = await ask(model_at(server))
    words = pieces(REPLY)
    assert outcome.text == "".join(words[: len(words) // 2])
    assert type(outcome.error) is CutError
    assert outcome.error.usage.estimated
    assert outcome.error.usage.completion_tokens > 0
    assert len(server.requests) == 1, "a cut reply is never asked for again"


@pytest.mark.parametrize("mode", ["cut", "reset"])
async def test_cut_says_that_the_connection_broke(serve: Serve, mode: str) -> None:
    outcome = await ask(model_at(serve(mode)))
    assert "broke the connection" in str(outcome.error)


async def test_error_that_a_provider_reports_in_a_stream_is_told_in_its_words(serve: Serve) -> None:
    outcome = await ask(model_at(serve("error_mid")))
    assert str(outcome.error).endswith("failed: out of capacity.")


async def test_nonsense_of_a_provider_is_no_warning(serve: Serve) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        import_litellm.__wrapped__()
        await ask(model_at(serve("nonsense_usage")))
    assert not [str(w.message) for w in caught if "Pydantic" in str(w.message)]


@pytest.mark.parametrize("mode", ["hang", "hang_open"])
async def test_hang_before_the_first_piece_is_the_network(serve: Serve, mode: str) -> None:
    await ask(model_at(serve("ok")))  # a first call of litellm takes its time
    server = serve(mode)
    outcome = await ask(model_at(server), timeout=SILENCE)
    assert type(outcome.error) is NetworkError
    assert f"{SILENCE} s" in str(outcome.error)
    assert len(server.requests) == 1, "the user has waited long enough"
    assert await asyncio.to_thread(server.disconnected.wait, PATIENCE)


async def test_hang_in_the_middle_is_a_cut(serve: Serve) -> None:
    await ask(model_at(serve("ok")))  # a first call of litellm takes its time
    server = serve("hang_mid")
    outcome = await ask(model_at(server), timeout=SILENCE)
    assert type(outcome.error) is CutError
    assert outcome.text
    assert await asyncio.to_thread(server.disconnected.wait, PATIENCE)


@pytest.mark.parametrize("mode", ["500", "503"])
async def test_server_failure_is_tried_again(serve: Serve, mode: str) -> None:
    server = serve(mode, "ok")
    outcome = await ask(model_at(server))
    assert outcome.reply.text == REPLY
    assert len(server.requests) == 2


async def test_tries_end(serve: Serve) -> None:
    server = serve("500")
    outcome = await ask(model_at(server), retries=1)
    assert type(outcome.error) is ServiceError
    assert "500" in str(outcome.error)
    assert len(server.requests) == 2


async def test_rate_limit_is_not_tried_again_and_says_when(serve: Serve) -> None:
    server = serve("429", "ok", retry_after="12")
    outcome = await ask(model_at(server))
    assert outcome.error.retry_after == 12.0
    assert "12 s" in outcome.error.hint
    assert len(server.requests) == 1


async def test_dead_port_names_the_address() -> None:
    outcome = await ask(Model("big", api_base=OFFLINE), retries=0)
    assert type(outcome.error) is NetworkError
    assert f"http://{OFFLINE}/v1" in str(outcome.error)
    assert "refused" in str(outcome.error)


async def test_detail_shows_no_object_of_python() -> None:
    outcome = await ask(Model("ollama/llama3.2", api_base=f"http://{OFFLINE}"), retries=0)
    assert "9" in outcome.error.detail
    assert "<" not in outcome.error.detail


async def test_unknown_host_names_the_address() -> None:
    outcome = await ask(Model("big", api_base="https://nowhere.invalid/v1"), retries=0)
    assert type(outcome.error) is NetworkError
    assert "nowhere.invalid" in str(outcome.error)
    assert "name could not be resolved" in str(outcome.error)


async def test_plain_server_behind_https_is_a_network_error(serve: Serve) -> None:
    server = serve("ok")
    outcome = await ask(Model("big", api_base=server.url.replace("http:", "https:")), retries=0)
    assert type(outcome.error) is NetworkError
    assert "TLS" in str(outcome.error)


@pytest.mark.parametrize("mode", ["401", "403", "429", "500", "400", "cut", "garbage"])
async def test_key_is_in_no_part_of_an_error(serve: Serve, mode: str) -> None:
    try:
        async for _ in stream(model_at(serve(mode)), TURNS, key=KEY, retries=0):
            pass
    except ReplyError as error:
        told = "".join(traceback.format_exception(error)) + str(error) + error.hint + error.detail
    for at in range(len(KEY) - 5):
        assert KEY[at : at + 6] not in told
    assert "***" not in told


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "x/y"])
async def test_usual_key_goes_to_no_server_of_ones_own(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(variable, KEY)
    server = serve("401")
    outcome = await ask(model_at(server, name), key=None, retries=0)
    assert server.requests
    for request in server.requests:
        assert KEY not in str(request)
    if "claude" not in name:
        assert "none was sent" in str(outcome.error)
        assert "--key-name" in outcome.error.hint


async def test_model_is_told_how_to_write_where_the_person_said_so(serve: Serve) -> None:
    server = serve("ok")
    sampling = Sampling(temperature=0.0, max_tokens=50)
    await ask(Model("big", api_base=server.url, sampling=sampling))
    await ask(Model("big", api_base=server.url))
    told, untold = (request.body for request in server.requests)
    assert (told["temperature"], told["max_tokens"]) == (0.0, 50)
    assert "top_p" not in told
    assert not {"temperature", "top_p", "max_tokens", "reasoning_effort"} & untold.keys()


async def test_named_key_goes_to_its_server(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVER_KEY", KEY)
    server = serve("ok")
    await ask(Model("big", api_base=server.url, key_name="MY_SERVER_KEY"), key=None)
    assert server.requests[0].key == KEY


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("gpt-4o", "OPENAI_API_KEY"),
        ("anthropic/claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-2.5-pro", "GEMINI_API_KEY"),
        ("xai/grok-4", "XAI_API_KEY"),
    ],
)
async def test_missing_key_is_found_before_anything_is_sent(name: str, variable: str) -> None:
    outcome = await ask(Model(name), key=None)
    assert type(outcome.error) is NoKeyError
    assert variable in str(outcome.error)
    assert variable in outcome.error.hint


async def test_name_without_a_provider_is_no_model() -> None:
    outcome = await ask(Model("gpt-4oo"))
    assert type(outcome.error) is NoModelError
    assert "gpt-4o" in outcome.error.hint


@pytest.mark.parametrize("base", ["{host}", "http://{host}", "http://{host}/v1/", "{host}/v1"])
async def test_address_may_be_written_in_many_ways(serve: Serve, base: str) -> None:
    server = serve("ok")
    model = Model("big", api_base=base.format(host=f"127.0.0.1:{server.port}"))
    assert (await ask(model)).reply.text == REPLY


async def test_closing_the_stream_closes_the_connection(serve: Serve) -> None:
    server = serve("hang_mid")
    async with contextlib.aclosing(stream(model_at(server), TURNS, key=KEY)) as pieces_:
        async for _ in pieces_:
            break
    assert await asyncio.to_thread(server.disconnected.wait, PATIENCE)


@pytest.mark.parametrize("mode", ["hang", "hang_mid"])
async def test_cancelling_closes_the_connection(serve: Serve, mode: str) -> None:
    server = serve(mode)
    task = asyncio.create_task(ask(model_at(server), timeout=600))
    assert await asyncio.to_thread(server.waiting.wait, PATIENCE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE)
    assert await asyncio.to_thread(server.disconnected.wait, PATIENCE)


async def test_nothing_is_printed(serve: Serve, capfd: pytest.CaptureFixture[str]) -> None:
    for mode in ("ok", "500", "cut", "garbage", "401"):
        await ask(model_at(serve(mode)), retries=0)
    assert capfd.readouterr() == ("", "")


async def test_too_long_conversation_is_not_sent(serve: Serve) -> None:
    server = serve("ok")
    model = Model("big", api_base=server.url, context_tokens=50)
    turns = [
        Turn("user", "word " * 20),
        Turn("assistant", "word " * 20),
        Turn("user", "word " * 20),
    ]
    with pytest.raises(ContextError, match="25 too many") as caught:
        async for _ in stream(model, turns, key=KEY):
            pass
    assert "Drop the oldest 1 of 3 turns" in caught.value.hint
    assert server.requests == []


async def test_message_too_long_by_itself_says_by_how_much() -> None:
    model = Model("big", api_base=OFFLINE, context_tokens=10)
    with pytest.raises(ContextError) as caught:
        async for _ in stream(model, [Turn("user", "word " * 100)]):
            pass
    assert "Shorten the message by about" in caught.value.hint


async def test_conversation_that_just_fits_is_sent(serve: Serve) -> None:
    server = serve("ok")
    turn = Turn("user", "word " * 100)
    limit = count_tokens(Model("big"), [turn])
    model = Model("big", api_base=server.url, context_tokens=limit)
    assert [piece async for piece in stream(model, [turn], key=KEY)]
