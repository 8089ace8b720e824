"""The text that is routed for a conversation."""

import json
from pathlib import Path

import numpy as np
import pytest

from routing.battles import Battle
from routing.conversation import Turn
from routing.engine import Engine
from routing.events import EngineOptions, TurnRequest
from routing.library import Library
from routing.models import DEMO_PAIR
from routing.query import ENOUGH_CHARACTERS, LONGEST_CHARACTERS, query_of

FOLLOWUPS = Path(__file__).with_name("followups.jsonl")
PROOF = "Prove that there are infinitely many primes congruent to 3 mod 4, in detail."


def said(*texts: str) -> list[Turn]:
    """A conversation with a reply after each message but the last."""
    turns = [turn for text in texts for turn in (Turn("user", text), Turn("assistant", "I see."))]
    return [Turn("system", "Be brief."), *turns[:-1]]


def test_first_message_stands_for_itself():
    assert query_of(said("hi")) == ("hi", 0)


def test_short_message_is_routed_with_what_it_refers_to():
    assert query_of(said("hello", PROOF, "yes, do it")) == (f"yes, do it\n\n{PROOF}", 1)


def test_at_most_two_earlier_messages_count_and_no_reply():
    query = query_of(said("one", "two", "three", "four"))
    assert query == ("four\n\nthree\n\ntwo", 2)


def test_message_that_says_enough_changes_the_topic():
    long_enough = "x" * ENOUGH_CHARACTERS
    assert query_of(said(PROOF, long_enough)) == (long_enough, 0)
    assert query_of(said(PROOF, long_enough[1:])).earlier == 1


@pytest.mark.parametrize("thanks", ["thanks!", "ok thank you", "Danke dir", "merci !", "谢谢"])
def test_thanks_are_for_nothing_but_themselves(thanks: str):
    assert query_of(said(PROOF, thanks)) == (thanks, 0)


def test_nothing_refers_to_thanks():
    assert query_of(said(PROOF, "thank you!", "shorter")) == (f"shorter\n\n{PROOF}", 1)


@pytest.mark.parametrize("more", ["thanks, and for 1 mod 4?", "thankless?"])
def test_thanks_with_a_question_ask_for_something(more: str):
    assert query_of(said(PROOF, more)).earlier == 1


@pytest.mark.parametrize("place", ["before", "after"])
def test_paste_loses_its_middle_and_never_the_question(place: str):
    log, question = "2026-01-31 GET /items 200\n" * 2000, "Which request failed?"
    text = f"{question}\n{log}" if place == "before" else f"{log}\n{question}"
    query = query_of(said("hello", text))
    assert question in query.text
    assert len(query.text) <= LONGEST_CHARACTERS + 3
    assert query.earlier == 0


def test_nothing_said_is_nothing_routed():
    assert query_of([Turn("system", "Be brief.")]) == ("", 0)


async def test_engine_routes_what_a_follow_up_refers_to(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path)))

    async def tier(*texts: str) -> tuple[str, int]:
        decision = await engine.decide(TurnRequest(tuple(said(*texts)), DEMO_PAIR, share=0.5))
        return decision.tier, decision.earlier

    assert await tier("yes, do it") == ("weak", 0)
    assert await tier(PROOF, "yes, do it") == ("strong", 1)
    assert await tier(PROOF, "thanks a lot!") == ("weak", 0)


async def test_judged_follow_up_is_found_again_by_what_was_routed(tmp_path: Path):
    engine = Engine(EngineOptions(str(tmp_path)))
    turns = tuple(said(PROOF, "now for 1 mod 4"))
    battle = Battle(query_of(turns).text, "demo/strong", "demo/weak", "b", "mine", "b-1")
    await engine.learn(battle)
    decision = await engine.decide(TurnRequest(turns, DEMO_PAIR))
    assert decision.neighbours[0].battle_id == "b-1"
    assert decision.neighbours[0].similarity == pytest.approx(1, abs=1e-5)


def test_labelled_follow_ups_are_routed_better_than_by_the_last_message(tmp_path: Path):
    rows = [json.loads(line) for line in FOLLOWUPS.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 60
    assert {row["tier"] for row in rows} == {"strong", "weak"}
    deserves = np.array([row["tier"] == "strong" for row in rows])
    router = Library.open(EngineOptions(str(tmp_path))).router_for(DEMO_PAIR)

    def auc(texts: list[str]) -> float:
        scores = router.win_probability(texts)
        return float((scores[deserves][:, None] > scores[~deserves][None]).mean())

    alone = auc([row["turns"][-1] for row in rows])
    kept = auc([query_of(said(*row["turns"])).text for row in rows])
    assert kept > alone + 0.05
    assert kept > 0.8
