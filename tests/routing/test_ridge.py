from dataclasses import replace

import numpy as np
import pytest

from routing.battles import Battle
from routing.errors import RouterError
from routing.lessons import lessons_of
from routing.routers.ridge import RidgeRouter, landmarks
from tests.routing.fakes import HashEmbedder

HARD = [f"prove lemma {n} about primes" for n in range(30)]
EASY = [f"hello friend number {n}" for n in range(30)]


def battles(strong: str = "strong", weak: str = "weak", source: str = "starter") -> list[Battle]:
    """The strong model wins over hard prompts, and ties over easy ones."""
    return [
        *(Battle(prompt, strong, weak, "a", source) for prompt in HARD),
        *(Battle(prompt, strong, weak, "tie", source) for prompt in EASY),
    ]


def chance(router: RidgeRouter, prompt: str) -> float:
    return float(router.win_probability([prompt])[0])


@pytest.fixture
def router() -> RidgeRouter:
    return RidgeRouter(HashEmbedder()).fit(battles())


def test_hard_prompts_are_likelier_won_than_easy_ones(router: RidgeRouter):
    hard = router.win_probability(["prove lemma 99 about primes"])
    easy = router.win_probability(["hello friend number 99"])
    assert hard > easy


def test_prompt_that_resembles_none_gets_the_average():
    plain = RidgeRouter(HashEmbedder(), surface_scale=0, sharpness=50).fit(battles())
    assert chance(plain, "unheard of words only") == pytest.approx(0.75, abs=0.01)


def test_own_judgement_moves_its_prompt_at_once_and_can_be_forgotten(router: RidgeRouter):
    prompt = "hello friend number 7"
    before = chance(router, prompt)
    router.add([Battle(prompt, "strong", "weak", "a", "mine", "id-1")])
    after = chance(router, prompt)
    router.forget("id-1")
    assert after > before + 0.05
    assert chance(router, prompt) == pytest.approx(before)


def test_own_judgement_over_a_new_prompt_is_learnt_where_it_was_made(router: RidgeRouter):
    prompt = "zebra quilt pattern"
    before = chance(router, prompt)
    router.add([Battle(prompt, "strong", "weak", "b", "mine", "id-1")])
    assert chance(router, prompt) < before - 0.05


def test_own_judgement_reaches_every_pair_that_was_made_of_it(router: RidgeRouter):
    other = router.for_pair("big", "small")
    before = chance(other, "hello friend number 7")
    router.add([Battle("hello friend number 7", "big", "small", "a", "mine", "id-1")])
    assert chance(other, "hello friend number 7") > before


def test_unknown_models_are_stood_in_for(router: RidgeRouter):
    other = router.for_pair("big", "small")
    assert other.stand_ins == ("big", "small")
    assert chance(other, HARD[0]) == chance(router, HARD[0])


def test_sets_are_held_against_their_own_average():
    # a set whose judge favours the strong model must not make its easy prompts look hard
    kind = [replace(b, winner="a") for b in battles("big", "small", "kind")[30:]]
    kind = [replace(b, prompt=b.prompt.replace("hello", "greetings")) for b in kind]
    router = RidgeRouter(HashEmbedder()).fit([*battles(), *kind])
    assert chance(router, "greetings friend number 99") < chance(router, HARD[0])


def test_average_is_that_of_the_pair_itself_beside_the_starters():
    won = {"good": 60, "poor": 90}  # of 100 that the best has with each
    exams = [
        Battle(f"question {n}", "best", name, "a" if n < wins else "b", f"exam {name}")
        for name, wins in won.items()
        for n in range(100)
    ]
    router = RidgeRouter(HashEmbedder()).fit([*battles() * 5, *exams])
    chances = [chance(router.for_pair("best", name), "unheard of words only") for name in won]
    assert chances == pytest.approx([0.6, 0.9], abs=0.05)


def test_battles_of_other_pairs_do_not_speak_for_this_one():
    rng = np.random.default_rng(0)
    ladder = [f"model{n}" for n in range(8)]
    others = [
        Battle(prompt, ladder[a], ladder[b], "a" if rng.random() < 0.9 else "b", "arena")
        for prompt in EASY
        for a in range(3, 8)
        for b in range(a + 1, 8)
    ]
    alone = RidgeRouter(HashEmbedder()).fit(battles())
    beside = RidgeRouter(HashEmbedder()).fit([*battles(), *others])
    assert beside.win_probability(HARD[:5]) == pytest.approx(
        alone.win_probability(HARD[:5]), abs=0.05
    )
    assert chance(beside, HARD[0]) > chance(beside, EASY[0])


def test_battles_of_the_pair_itself_count_where_its_models_share_a_tier():
    alike = [replace(b, prompt=f"{b.prompt} again") for b in battles("big", "small", "exam")]
    # each wins as often over the other, so that ratings tell them not apart
    alike += [Battle(f"hello stranger {n}", "big", "small", "b", "exam") for n in range(30)]
    router = RidgeRouter(HashEmbedder()).fit([*battles(), *alike]).for_pair("big", "small")
    assert router.ladder_.tier_of["big"] == router.ladder_.tier_of["small"]
    stranger = chance(router, "hello stranger 99")
    assert stranger < chance(router, "hello friend number 99") < chance(router, HARD[0])


def test_battles_like_the_starters_count_beside_gold_that_rates_the_pair_apart():
    arena = [replace(b, model_a="strong", model_b="llama", source="arena") for b in battles()]
    arena = [replace(b, prompt=f"{b.prompt} of yore") for b in arena]
    # the weak model is right about as often: it sits where no battle of the arena was fought
    gold = [Battle(f"question {n}", "strong", "small", "ab"[n % 2], "exam") for n in range(60)]
    other = [Battle(f"talk {n}", "strong", "gemini", "aab"[n % 3], "arena") for n in range(30)]
    router = RidgeRouter(HashEmbedder()).fit([*battles(), *arena, *other, *gold])
    tier = router.ladder_.tier_of
    assert tier["strong"] < tier["small"] < tier["gemini"] < tier["llama"]
    prompts = lessons_of(router.index_, router.ladder_, ("strong", "small")).prompts
    assert {b.prompt for b in arena} < set(prompts)


def test_landmarks_are_all_of_ones_own_and_as_many_of_each_source():
    sources = np.repeat([2, 0, 1], [500, 30, 100])
    chosen = sources[landmarks(sources, most=130)]
    assert np.bincount(chosen).tolist() == [30, 50, 50]


def test_landmarks_of_a_small_source_are_all_its_prompts():
    sources = np.repeat([1, 2], [20, 500])
    rows = landmarks(sources, most=100)
    assert np.bincount(sources[rows]).tolist() == [0, 20, 80]
    assert len(set(rows.tolist())) == 100


def test_sample_judges_each_prompt_by_the_others():
    lonely = Battle("unlike anything else here", "strong", "weak", "b", "starter")
    router = RidgeRouter(HashEmbedder(), surface_scale=0).fit([*battles(), lonely])
    sample = router.sample()
    assert sample[-1] > chance(router, lonely.prompt)


def test_battles_that_were_all_won_alike_teach_nothing():
    won = [replace(battle, winner="a") for battle in battles()]
    with pytest.raises(RouterError, match="60 battles of the pair were all decided alike"):
        RidgeRouter(HashEmbedder()).fit(won).win_probability(["hello"])


def test_nearest_battles_explain_it(router: RidgeRouter):
    found = router.judge("prove lemma 3 about primes", 3)
    assert found.neighbours[0].prompt == HARD[3]


def test_middle_states_tell_what_is_put_alike_though_about_something_else():
    # its states are the lengths of the words; that no word of them is known is all the vectors say
    asked, other = ["demonstrate extraordinarily 1"], ["hi to me 2"]
    long = [f"{word * 11} {word * 15} {n}" for n, word in enumerate("abcdefghij")]
    short = [f"{word * 2} {word * 2} {word * 2} {n}" for n, word in enumerate("klmnopqrst")]
    learnt = [Battle(prompt, "strong", "weak", "a") for prompt in long]
    learnt += [Battle(prompt, "strong", "weak", "tie") for prompt in short]
    reads, reads_not = (
        RidgeRouter(HashEmbedder(states=states), surface_scale=0).fit(learnt) for states in (8, 0)
    )
    gap = reads.win_probability(asked) - reads.win_probability(other)
    blind = reads_not.win_probability(asked) - reads_not.win_probability(other)
    assert gap > 0.1 > abs(blind)


def test_ties_tell_the_easy_from_the_hopeless():
    hopeless = Battle("settle the hypothesis of Riemann", "strong", "weak", "tie", both_bad=True)
    decided = Battle("prove that there are many primes", "strong", "weak", "a")
    easy = Battle("say hello", "strong", "weak", "tie")
    router = RidgeRouter(HashEmbedder()).fit([hopeless, decided, easy])
    ease = lessons_of(router.index_, router.ladder_, ("strong", "weak")).ease
    assert ease == pytest.approx([-1, 0, 1])


def test_a_judges_grade_says_how_clear_a_win_was():
    learnt = [
        Battle("prove that there are many primes", "strong", "weak", "a", score=1),
        Battle("write a sonnet on spring", "strong", "weak", "a", score=3),
        Battle("which planet is the largest", "strong", "weak", "a"),
        Battle("say hello", "strong", "weak", "tie", score=4),
        Battle("say it in two words", "strong", "weak", "b", score=5),
    ]
    router = RidgeRouter(HashEmbedder()).fit(learnt)
    surplus = lessons_of(router.index_, router.ladder_, ("strong", "weak")).surplus
    assert surplus - surplus[2] == pytest.approx([16 / 17 - 1, 4 / 5 - 1, 0, 2 / 3 - 1, -1])


def test_grades_count_from_whichever_side_the_weak_model_stands():
    turned = Battle("prove it", "weak", "strong", "a", score=3)
    router = RidgeRouter(HashEmbedder()).fit([turned, Battle("hi", "strong", "weak", "a")])
    surplus = lessons_of(router.index_, router.ladder_, ("strong", "weak")).surplus
    assert np.ptp(surplus) == pytest.approx(0.8)
