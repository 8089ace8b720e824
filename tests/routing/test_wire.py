import msgspec
import pytest

from routing.conversation import Delta, Reply, Thinking, Turn, Usage
from routing.cost import Bill
from routing.decide import Candidate, Decision, Neighbour
from routing.errors import CutError, NoCreditError, RateLimitError, RoutingError
from routing.events import Decided, Finished, Metered, Readiness, TurnRequest
from routing.models import Model, Pool, Sampling
from routing.prices import Price
from routing.wire import (
    Call,
    Done,
    Failure,
    Number,
    Outdone,
    as_error,
    as_failure,
    decode_answer,
    encode_answer,
    encode_call,
)

USAGE = Usage(10, 20, cached_tokens=5)
BILL = Bill(0.1, None, {"c/d": 0.3, "e/f": None})
DECISION = Decision(
    model="a/b",
    tier="weak",
    win_probability=0.25,
    threshold=0.5,
    reason="nearest: “x”",
    neighbours=(Neighbour("p", "strong", "weak", "a", 0.5, "mine", "id1", score=3),),
    flip_share=0.7,
    candidates=(Candidate("c/d", "strong"), Candidate("a/b", "weak", 0.25, "no battles")),
)


@pytest.mark.parametrize(
    "answer",
    [
        Decided(DECISION, 8192),
        Thinking(),
        Delta("line\nbreak \u2028 and \x1b[31m"),
        Metered(USAGE, BILL),
        Finished(Reply("text", USAGE, "length"), BILL),
        Readiness("similarity", "minilm", 848, 2, 1.5),
        DECISION,
        Done(),
        Number(0.123456789012345),
        Outdone({"a/b": "c/d"}),
    ],
)
def test_answers_come_back_as_they_were_sent_on_one_line(answer: object):
    line = encode_answer(7, answer)
    assert line.count(b"\n") == 1
    assert decode_answer(line) == (7, answer)


def test_request_comes_back_as_it_was_sent():
    request = TurnRequest(
        turns=(Turn("system", "be brief"), Turn("user", "hi")),
        pool=Pool(
            (
                Model("a/b", price=Price(1e-6, 2e-6)),
                Model("c/d", api_base="http://x", sampling=Sampling(0.2)),
            )
        ),
        share=0.2,
        pin="strong",
        keys={"a/b": "sk-secret"},
    )
    call = msgspec.json.decode(encode_call(3, "turn", request), type=Call)
    assert (call.id, call.verb) == (3, "turn")
    assert msgspec.json.decode(call.body, type=TurnRequest) == request


def test_keys_stand_in_no_repr():
    request = TurnRequest((), Pool((Model("a"), Model("b"))), keys={"a": "sk-secret"})
    assert "sk-secret" not in repr(request)


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("slow down", hint="wait", detail="429", retry_after=3.5),
        NoCreditError("broke", hint="pay", retry_after=1.0),
        CutError("cut", hint="continue", detail="EOF"),
        RoutingError("anything"),
    ],
)
def test_errors_keep_their_class_and_their_words(error: RoutingError):
    again = as_error(as_failure(error))
    assert type(again) is type(error)
    assert (str(again), again.__dict__) == (str(error), error.__dict__)


def test_unknown_error_becomes_the_root_of_the_family():
    assert type(as_error(Failure("SystemExit", "no"))) is RoutingError
