"""The demo pair: honest stand-ins that explain the route."""

from __future__ import annotations

import pytest

from routing.chat import stream
from routing.conversation import Delta, Reply, Turn, Usage
from routing.decide import Decision
from routing.errors import NoModelError
from routing.models import DEMO_PAIR, Model
from routing.providers.demo import reply_text

PROMPT = "Prove that there is no largest prime.\nThen say it in *one* line."
MESSAGES = [{"role": "user", "content": PROMPT}]


def decision(tier: str = "strong", win_probability: float | None = 0.7712) -> Decision:
    return Decision(
        model=f"demo/{tier}",
        tier=tier,
        win_probability=win_probability,
        threshold=0.42,
        reason="Proofs go to the strong model.",
    )


@pytest.mark.parametrize("name", ["strong", "middle", "weak"])
def test_reply_says_that_it_is_a_stand_in_and_how_to_get_a_real_model(name: str) -> None:
    text = reply_text(name, MESSAGES, None)
    assert "stand-in" in text
    assert "language model wrote this" in text
    assert "OPENAI_API_KEY" in text
    assert "ollama" in text


def test_reply_explains_the_route() -> None:
    text = reply_text("strong", MESSAGES, decision())
    assert "at or above" in text
    assert "Proofs go to the strong model." in text
    assert "below" in reply_text("weak", MESSAGES, decision("weak", 0.2))


def test_pinned_reply_says_that_no_router_was_asked() -> None:
    assert "No router was asked" in reply_text("strong", MESSAGES, decision(win_probability=None))


def test_prompt_is_quoted_on_one_line_without_its_markup() -> None:
    line = "`Prove that there is no largest prime. Then say it in *one* line.`"
    assert line in reply_text("weak", MESSAGES, None)
    hostile = [{"role": "user", "content": "`{route}` " + "x" * 500}]
    text = reply_text("weak", hostile, None)
    assert "`'{route}' xxx" in text
    assert "x" * 130 not in text


def test_strong_and_weak_differ() -> None:
    assert reply_text("strong", MESSAGES, None) != reply_text("weak", MESSAGES, None)


async def test_reply_streams_through_litellm_with_an_exact_usage() -> None:
    got = [
        piece
        async for piece in stream(
            DEMO_PAIR.weak, [Turn("user", PROMPT)], decision=decision("weak", 0.2)
        )
    ]
    text = "".join(piece.text for piece in got[:-1] if isinstance(piece, Delta))
    whole = reply_text("weak", MESSAGES, decision("weak", 0.2))
    assert text == whole
    assert len(got) > 40
    # four characters a token, rounded up
    assert got[-1] == Reply(whole, Usage(-(-len(PROMPT) // 4), -(-len(whole) // 4)), "stop")


async def test_other_demo_model_does_not_exist() -> None:
    with pytest.raises(NoModelError, match="demo/other"):
        _ = [piece async for piece in stream(Model("demo/other"), [Turn("user", "hi")])]
