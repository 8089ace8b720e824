from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from audit.errors import BudgetError, EndpointError
from audit.perturbations import RARE
from audit.prompts import message, render
from audit.questions import Question
from audit.scorers import Score, Spent, choose
from audit.scorers.client import Terms
from audit.scorers.endpoint import EndpointScorer, connect
from audit.scorers.replies import is_refusal, named_option
from audit.variants import Scoring, Variant, show
from routing.conversation import Usage
from routing.models import Model
from tests.audit.servers import (
    EndpointServer,
    asked_symbols,
    continuation_nats,
    likeliest,
    tokens_of,
)

KEY = "sk-proj-A7qZ4mXw9TfB2LkR8sVn3DhJ"
STEMS = ("Which word is a colour?", "What is two and two?", "Which of them swims in the sea?")
OPTIONS = (
    ("seven", "green", "loud", "Tuesday"),
    ("three", "five", "four", "twenty two"),
    ("a hen", "a goat", "a grey whale", "a fox"),
)

Start = Callable[..., EndpointServer]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def run(**options: Any) -> EndpointServer:  # noqa: ANN401  # the class's
            return stack.enter_context(EndpointServer(**options))

        yield run


class Naps:
    """Notes how long it should have slept, and does not sleep."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def variants(scoring: Scoring = "symbol", count: int = 3) -> list[Variant]:
    made = []
    for i in range(count):
        question = Question(f"q{i}", STEMS[i % 3], OPTIONS[i % 3], answer=i % 4)
        made.append(Variant(show(question), "symbol.0shot", scoring=scoring))
    return made


def a_cent_a_token(usage: Usage) -> float:
    return 0.01 * (usage.prompt_tokens + usage.completion_tokens)


def scorer_at(server: EndpointServer, **terms: Any) -> EndpointScorer:  # noqa: ANN401  # Terms
    terms = {"bill": lambda usage: 0.0, "sleep": Naps(), "key": KEY, "timeout": 60.0} | terms
    return connect(Model("tiny", api_base=server.url), Terms(**terms))


def scores(scorer: EndpointScorer, asked: list[Variant]) -> list[Score]:
    return list(scorer.score(asked))


def expected(variant: Variant) -> tuple[float, ...]:
    prompt = render(variant)
    return tuple(continuation_nats(prompt.context, text) for text in prompt.continuations)


@pytest.mark.parametrize("mode", ["echo", "bos"])
@pytest.mark.parametrize("scoring", ["symbol", "hybrid", "cloze"])
def test_echo_gives_exact_log_likelihoods(start: Start, mode: str, scoring: Scoring) -> None:
    server = start(completions=mode)
    scorer = scorer_at(server)
    assert scorer.identity.method == "log-likelihood"
    assert scorer.notes == ()
    asked = variants(scoring)
    for variant, score in zip(asked, scores(scorer, asked), strict=True):
        assert score.loglik == pytest.approx(expected(variant), abs=1e-9)
        texts = render(variant).continuations
        assert score.tokens == tuple(len(tokens_of(text)) for text in texts)
        bare = [continuation_nats("Answer:", text) for text in texts] if scoring == "cloze" else []
        assert score.bare == pytest.approx(tuple(bare), abs=1e-9)


def test_tokens_that_hold_parts_of_characters_are_counted_instead(start: Start) -> None:
    server = start(completions="echo")
    scorer = scorer_at(server)
    server.completions = "broken characters"
    [variant] = variants(count=1)
    variant = replace(variant, shown=variant.shown.with_symbols(RARE))
    [score] = scores(scorer, [variant])
    assert score.loglik == pytest.approx(expected(variant), abs=1e-9)


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("silent", "no log probabilities of the prompt came back"),
        ("constant", "the same log probability"),
        ("broken characters", "could not be matched"),
        ("none", "the server has no completions"),
    ],
)
def test_echo_that_is_of_no_use_is_found_out_and_left(start: Start, mode: str, why: str) -> None:
    server = start(completions=mode, chat="logprobs")
    scorer = scorer_at(server)
    assert scorer.identity.method == "chat logprobs"
    assert len(scorer.notes) == 1
    assert "log-likelihood" in scorer.notes[0] or "echo" in scorer.notes[0]
    assert why in scorer.notes[0]
    assert len(server.bodies("/v1/completions")) == 1, "found out with one request"


def test_chat_logprobs_add_up_the_forms_of_a_symbol(start: Start) -> None:
    server = start(chat="logprobs")
    scorer = scorer_at(server)
    [variant] = variants(count=1)
    [score] = scores(scorer, [variant])
    tops = likeliest(message(variant))
    for symbol, nats in zip(variant.shown.symbols, score.loglik, strict=True):
        forms = [top["logprob"] for top in tops if top["token"].strip() == symbol]
        assert len(forms) == 2
        assert nats == pytest.approx(math.log(sum(map(math.exp, forms))))
    assert server.bodies("/v1/chat/completions")[-1]["top_logprobs"] == 20


def test_symbols_that_did_not_come_back_are_bounded(start: Start) -> None:
    server = start(chat="logprobs", shown=2)
    [variant] = variants(count=1)
    [score] = scores(scorer_at(server), [variant])
    tops = likeliest(message(variant))[:2]
    seen = {top["token"].strip() for top in tops}
    for symbol, nats in zip(variant.shown.symbols, score.loglik, strict=True):
        assert (nats is not None) == (symbol in seen)
    assert score.bound == tops[-1]["logprob"]


def test_fewer_likeliest_tokens_are_asked_for_where_twenty_are_too_many(start: Start) -> None:
    server = start(chat="few")
    scorer = scorer_at(server)
    assert scorer.identity.method == "chat logprobs"
    scores(scorer, variants(count=1))
    assert server.bodies("/v1/chat/completions")[-1]["top_logprobs"] == 5


def test_symbol_of_several_tokens_goes_by_the_first_that_is_its_own(start: Start) -> None:
    server = start(chat="logprobs")
    [variant] = variants(count=1)
    variant = replace(variant, shown=variant.shown.with_symbols(("ab", "ac", "b", "d")))
    [score] = scores(scorer_at(server), [variant])
    assert None not in score.loglik


@pytest.mark.parametrize("chat", ["plain", "refused"])
def test_words_are_read_where_there_are_no_logprobs(start: Start, chat: str) -> None:
    server = start(chat=chat, reply=lambda message: f"**{asked_symbols(message)[1]}**")
    scorer = scorer_at(server)
    assert scorer.identity.method == "text"
    for variant, score in zip(variants(), scores(scorer, variants()), strict=True):
        assert score.votes == (0, 1, 0, 0)
        assert choose(variant, score).position == 1
    last = server.bodies("/v1/chat/completions")[-1]
    assert last["temperature"] == 0


def test_unparsed_and_refused_replies_are_counted_apart(start: Start) -> None:
    said = {
        "colour": "Well, that depends on what you mean.",
        "two and two": "I'm sorry, I can't help with that.",
        "swims": "C",
    }
    server = start(reply=lambda text: next(said[key] for key in said if key in text))
    asked = variants()
    got = scores(scorer_at(server), asked)
    assert [(one.unparsed, one.refused) for one in got] == [(1, 0), (0, 1), (0, 0)]
    reasons = [choose(variant, one).reason for variant, one in zip(asked, got, strict=True)]
    assert reasons == ["unparsed", "refused", ""]
    assert [one.unread for one in got] == ["'Well, that depends on what you mean.'", "", ""]


@pytest.mark.parametrize(
    ("reply", "quoted"),
    [
        ("it\n\x1b[2Jdepends", r"'it \x1b[2Jdepends'"),
        ("why " * 50, f"'{'why ' * 20}…'"),
        ("", "nothing"),
    ],
)
def test_unread_reply_is_quoted_on_a_line(start: Start, reply: str, quoted: str) -> None:
    server = start()
    scorer = scorer_at(server)
    server.reply = lambda message: reply
    [score] = scores(scorer, variants(count=1))
    assert score.unread == quoted


def test_run_stops_where_the_first_replies_name_no_option(start: Start) -> None:
    server = start(reply=lambda message: "It depends.")
    got: list[Score] = []
    with pytest.raises(EndpointError, match=r"first 20 answers; one of them said 'It depends\.'"):
        got.extend(scorer_at(server).score(variants(count=90)))
    assert len(server.requests) < 60


def test_one_reply_that_names_an_option_lets_the_run_go_on(start: Start) -> None:
    server = start(reply=lambda message: "C" if "swims" in message else "It depends.")
    assert len(scores(scorer_at(server), variants(count=45))) == 45


def test_filtered_reply_is_a_refusal(start: Start) -> None:
    server = start()
    scorer = scorer_at(server)
    server.finish_reason, server.reply = "content_filter", lambda message: ""
    [score] = scores(scorer, variants(count=1))
    assert score.refused == 1


def test_model_without_a_temperature_is_sampled(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter("BBABC" * 10)
    server = start(chat="refused", reply=lambda message: next(answers))
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_BASE", server.url)
    scorer = connect(Model("openai/gpt-5"), Terms(bill=lambda usage: 0.0, key=KEY, sleep=Naps()))
    assert scorer.identity.method == "samples"
    [score] = scores(scorer, variants(count=1))
    assert sum(score.votes) == 5
    assert any("no temperature" in note for note in scorer.notes)


@pytest.mark.parametrize("scoring", ["hybrid", "cloze"])
@pytest.mark.parametrize("chat", ["plain", "logprobs"])
def test_what_an_endpoint_cannot_give_is_not_measurable(
    start: Start, chat: str, scoring: Scoring
) -> None:
    server = start(chat=chat)
    scorer = scorer_at(server)
    before = len(server.requests)
    asked = variants(scoring)
    for variant, score in zip(asked, scores(scorer, asked), strict=True):
        assert choose(variant, score).reason == "not measurable"
    assert len(server.requests) == before


def test_model_that_thinks_first_is_given_room(start: Start) -> None:
    def reply(_: str) -> str:
        return "" if server.bodies("/v1/chat/completions")[-1]["max_tokens"] < 1000 else "D"

    server = start(finish_reason="length")
    server.reply = reply
    scorer = scorer_at(server)
    assert scorer.identity.method == "text"
    [score] = scores(scorer, variants(count=1))
    assert score.votes == (0, 0, 0, 1)


def test_rate_limit_is_waited_out_as_the_server_says(start: Start) -> None:
    naps = Naps()
    server = start(completions="echo")
    scorer = scorer_at(server, sleep=naps)
    server.failures[:] = [429, 429]
    asked = variants(count=1)
    assert scores(scorer, asked)[0].loglik == pytest.approx(expected(asked[0]))
    assert naps.seconds == [3.0, 3.0]


def test_failing_server_is_asked_again_at_growing_intervals(start: Start) -> None:
    naps = Naps()
    server = start()
    scorer = scorer_at(server, sleep=naps)
    server.failures[:] = [500, 503, 500]
    assert scores(scorer, variants(count=1))[0].votes == (1, 0, 0, 0)
    assert naps.seconds == [1.0, 2.0, 4.0]


def test_tries_end_and_what_was_scored_holds(start: Start) -> None:
    server = start()
    scorer = scorer_at(server, limit=1, retries=2)
    server.last = len(server.requests) + 2
    stream = scorer.score(variants())
    got = [next(stream), next(stream)]
    assert all(one.votes == (1, 0, 0, 0) for one in got)
    with pytest.raises(EndpointError) as caught:
        next(stream)
    assert "tiny" in str(caught.value)
    server.last = None
    assert len(scores(scorer, variants()[2:])) == 1


def test_wrong_key_ends_the_climb_at_once(start: Start) -> None:
    server = start(failures=[401] * 20)
    with pytest.raises(EndpointError, match="refused the key"):
        scorer_at(server)
    assert len(server.requests) == 1


def test_missing_key_is_found_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(EndpointError, match="OPENAI_API_KEY is not set"):
        connect(Model("openai/gpt-4o-mini"), Terms(bill=lambda usage: 0.0, sleep=Naps()))


def test_server_that_is_not_there_is_an_error() -> None:
    terms = Terms(bill=lambda usage: 0.0, sleep=Naps(), retries=1)
    with pytest.raises(EndpointError, match="refused"):
        connect(Model("tiny", api_base="http://127.0.0.1:9"), terms)


@pytest.mark.parametrize("completions", ["echo", "none"])
def test_key_is_in_no_error_and_no_repr(
    start: Start, completions: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server = start(completions=completions)
    scorer = scorer_at(server, retries=0)
    server.failures[:] = [400] * 20
    with pytest.raises(EndpointError) as caught:
        scores(scorer, variants())
    told = f"{caught.value} {caught.value.hint} {caught.value.detail} {scorer!r} {scorer._terms!r}"
    assert KEY[:8] not in told
    assert server.requests[0][2]["authorization"] == f"Bearer {KEY}"
    out = capfd.readouterr()
    assert KEY[:8] not in out.out + out.err


@pytest.mark.parametrize("completions", ["echo", "none"])
def test_account_of_the_environment_goes_to_no_other_server(
    start: Start, completions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = start(completions=completions)
    scores(scorer_at(server, key=None), variants())
    assert "org-mine" not in str(server.requests)
    assert KEY not in str(server.requests)


def test_calls_run_together_up_to_the_limit(start: Start) -> None:
    server = start(completions="echo")
    asked = variants(count=12)
    scorer = scorer_at(server, limit=3)
    server.together = 3
    got = scores(scorer, asked)
    assert server.most_at_once == 3
    for variant, score in zip(asked, got, strict=True):
        assert score.loglik == pytest.approx(expected(variant))


def test_closing_drops_the_calls_under_way(start: Start) -> None:
    server = start()
    scorer = scorer_at(server, limit=2)
    probes = len(server.requests)
    stream = scorer.score(variants(count=30))
    next(stream)
    stream.close()
    assert len(server.requests) - probes <= 8


def test_spending_is_the_bill_of_all_calls_with_the_probes(start: Start) -> None:
    server = start()
    scorer = scorer_at(server, bill=a_cent_a_token)
    probing = scorer.spent.cost_usd
    assert probing > 0
    [variant] = variants(count=1)
    scores(scorer, [variant])
    tokens = len(tokens_of(message(variant)))
    assert scorer.spent.cost_usd == pytest.approx(probing + 0.01 * (tokens + 1))
    assert scorer.spent.tokens > tokens


def test_unknown_price_is_said_and_not_zero(start: Start) -> None:
    scorer = scorer_at(start(), bill=lambda usage: None)
    scores(scorer, variants())
    assert scorer.spent.cost_usd is None
    assert scorer.estimate(variants()).cost_usd is None


def test_limit_needs_a_price(start: Start) -> None:
    with pytest.raises(BudgetError, match="The price of tiny is unknown") as caught:
        scorer_at(start(), bill=lambda usage: None, max_cost=1.0)
    assert "models price" in caught.value.hint


def test_run_stops_before_the_call_that_could_cost_too_much(start: Start) -> None:
    server = start()
    free = scorer_at(start(), bill=a_cent_a_token)
    per_variant = free.estimate(variants(count=3)).cost_usd / 3
    limit = free.spent.cost_usd + 4.5 * per_variant
    scorer = scorer_at(server, bill=a_cent_a_token, max_cost=limit, limit=2)
    stream = scorer.score(variants(count=30))
    got = [next(stream) for _ in range(3)]
    with pytest.raises(BudgetError, match="could take it past"):
        got.extend(stream)
    assert scorer.spent.cost_usd <= limit


def test_estimate_counts_calls_and_tokens(start: Start) -> None:
    scorer = scorer_at(start(completions="echo"), bill=a_cent_a_token)
    asked = variants(count=9)
    guess = scorer.estimate(asked)
    assert guess.calls == 36
    before = scorer.spent
    scores(scorer, asked)
    used = Spent(scorer.spent.tokens - before.tokens)
    assert guess.tokens == pytest.approx(used.tokens, rel=0.25)


SHOWN = show(Question("q", "Capital of France?", ("Rome", "Paris", "Paris Hilton", "Bonn"), 1))


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("B", 1),
        ("b", 1),
        ("(B)", 1),
        ("**B**", 1),
        (" B.\n", 1),
        ("B. Paris", 1),
        ("B) Paris", 1),
        ("A Rome", 0),
        ("Paris", 1),
        ("paris.", 1),
        ("Paris Hilton", 2),
        ("The answer is C.", 2),
        ("Answer: D", 3),
        ("The correct option is (A) because", 0),
        ("It is Bonn, of course.", 3),
        ("I think it is Paris Hilton.", 2),
        ("<think>A? No, B.</think>D", 3),
        ("I would go for (C) here", 2),
        ("A or B", None),
        ("A, B and D", None),
        ("B, because Rome is in Italy", 1),
        ("C C C C A", 2),
        ("Rome or Bonn", None),
        ("A city in Europe", None),
        ("", None),
        ("The answer is E.", None),
        ("<think>A", None),
    ],
)
def test_reply_names_an_option_or_none(reply: str, position: int | None) -> None:
    assert named_option(reply, SHOWN) == position


@pytest.mark.parametrize("symbol", RARE)
def test_rare_symbols_are_read(symbol: str) -> None:
    shown = SHOWN.with_symbols((symbol, "1", "2", "3"))
    assert named_option(symbol, shown) == 0
    assert named_option(f"The answer is {symbol}.", shown) == 0


@pytest.mark.parametrize("text", ["I'm sorry, no.", "I cannot answer.", "As an AI, I won't."])
def test_refusals_are_told(text: str) -> None:
    assert is_refusal(text)


def test_not_every_word_is_a_refusal() -> None:
    assert not is_refusal("It cannot be known.")
