"""A user's battles and router on disk, with the packaged embedder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routing.battle_files import starter_battles
from routing.battles import Battle, Winner
from routing.checkpoints import checkpoint_folder
from routing.embeddings import SentenceEmbedder
from routing.errors import DataError, EmbeddingError, RouterError
from routing.events import EngineOptions
from routing.index_files import load_index
from routing.library import Library, import_set, keep_set, read_sets, remove_set
from routing.models import DEMO_PAIR
from routing.neighbours import INDEX_FILE, STARTER_INDEX
from routing.own import OwnBattles
from routing.routers.factorization import FactorizationRouter
from tui.settings import Settings

EASY, HARD = "hi, thanks!", "Prove that there are infinitely many primes congruent to 3 mod 4."
DESIGN = "Design a rate limiter for 100 million users across three regions."
ASSETS = Path(__file__).parent.parent.parent / "assets"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.open(EngineOptions(str(tmp_path_factory.mktemp("router"))))


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Library]:
    def open_library(**options: str) -> Library:
        return Library.open(EngineOptions(str(tmp_path), **options))

    return open_library


def test_shipped_index_is_of_the_shipped_battles_and_embedder():
    embedder = SentenceEmbedder()
    index = load_index(ASSETS / STARTER_INDEX, embedder.name)
    assert index.battles == list(starter_battles())
    some = list(index.known_rows().items())[::100]
    again = embedder.read([prompt for prompt, _ in some])
    np.testing.assert_allclose(again.vectors, [vector for _, (vector, _) in some], atol=1e-5)
    np.testing.assert_allclose(again.states, [states for _, (_, states) in some], atol=1e-3)


def test_easy_and_hard_prompts_part_at_the_default_share(opened: Library):
    share = Settings().share
    tiers = [opened.decide(text, DEMO_PAIR, share, None).tier for text in (EASY, HARD, DESIGN)]
    assert tiers == ["weak", "strong", "strong"]


CHATTY = (
    "Just wanted to share that my daughter took her first steps today, right between the sofa and "
    "the bookcase, with a wooden spoon in her hand, and then she sat down and clapped for herself. "
    "My husband missed it by ten minutes and is now crawling around trying to make her do it again."
)
FOR_WEAK = (
    CHATTY,
    "long day. glad it's over",
    "what's the capital of New Zealand?",
    "ten slogans for a local bookshop",
    "How does a heat pump work?",
    "Escribe una reseña breve de un restaurante italiano",
)
FOR_STRONG = (
    "Amortised analysis of union by rank with path compression, full proof",
    "Architecture for an event ticketing platform with 200k buyers at once, without overselling",
    "valgrind clean but heap corruption after 3 days under load, C++17",
    "Does Quine's attack on analyticity survive Grice and Strawson?",
    "Alloy: 500 g of 40% silver with some 90% silver, then 50 g is lost in casting; the rest is "
    "58% silver. How much was added?",
    "Our German GmbH dissolves its works council agreement on night pay: who can sue for what?",
)


@pytest.mark.parametrize(("tier", "prompts"), [("weak", FOR_WEAK), ("strong", FOR_STRONG)])
def test_everyday_prompts_part_at_the_default_share(
    opened: Library, tier: str, prompts: tuple[str, ...]
):
    assert {battle.prompt for battle in starter_battles()}.isdisjoint(prompts)
    share = Settings().share
    found = {text: opened.decide(text, DEMO_PAIR, share, None).tier for text in prompts}
    assert found == dict.fromkeys(prompts, tier)


def test_decision_names_its_nearest_battles_and_where_it_flips(opened: Library):
    decision = opened.decide(HARD, DEMO_PAIR, 0.5, None)
    assert decision.neighbours
    assert (
        decision.neighbours[0].prompt in decision.reason.replace("…", "") or "…" in decision.reason
    )
    assert decision.flip_share is not None
    just_over = opened.decide(HARD, DEMO_PAIR, decision.flip_share + 0.01, None)
    just_under = opened.decide(HARD, DEMO_PAIR, decision.flip_share - 0.01, None)
    assert (just_over.tier, just_under.tier) == ("strong", "weak")


def test_battle_that_is_far_off_is_not_given_as_the_reason(opened: Library):
    near = opened.decide(HARD, DEMO_PAIR, 0.5, None)
    far = opened.decide("qzx vrrk plo 77#", DEMO_PAIR, 0.5, None)
    assert near.has_near
    assert "; nearest battle: “" in near.reason
    assert not far.has_near
    assert (
        f"; no battle is near, the closest ({far.neighbours[0].similarity:.2f}) is “" in far.reason
    )


def test_threshold_overrules_the_share(opened: Library):
    assert opened.decide(HARD, DEMO_PAIR, 1.0, 1.0).tier == "weak"
    assert opened.decide(EASY, DEMO_PAIR, 0.0, 0.0).tier == "strong"


def test_own_battles_move_the_router_at_once_and_back(fresh: Callable[..., Library]):
    library = fresh()
    before = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    library.learn(Battle(EASY, "demo/strong", "demo/weak", "a", "mine", "one"))
    learnt = library.decide(EASY, DEMO_PAIR, 0.5, None)
    assert learnt.win_probability > before
    assert learnt.neighbours[0].battle_id == "one"
    library.forget("one")
    after = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    assert after == pytest.approx(before, abs=1e-9)


def test_verdicts_move_their_prompts_by_who_was_better(fresh: Callable[..., Library]):
    prompts = [
        "Write a haiku about my cat",
        "Prove that sqrt(2) is irrational",
        "What is the capital of Peru?",
        "Refactor this function to be async: def f(x): return get(x)",
        "Plan a week in Lisbon with two toddlers",
    ]
    library = fresh()

    def chances() -> list[float]:
        found = [library.decide(prompt, DEMO_PAIR, 0.5, None) for prompt in prompts]
        return [decision.win_probability for decision in found]

    def after(winner: Winner) -> list[float]:
        for at, prompt in enumerate(prompts):
            library.learn(Battle(prompt, "demo/strong", "demo/weak", winner, "mine", f"{at}"))
        return chances()

    before = chances()
    ordered = np.array([after("b"), after("tie"), before, after("a")])
    assert (np.diff(ordered, axis=0) > 0.05).all(), ordered.round(2)


def test_later_judgement_takes_the_place_of_the_one_of_its_id(fresh: Callable[..., Library]):
    library = fresh()
    before = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    for winner in ("a", "b"):
        library.learn(Battle(EASY, "demo/strong", "demo/weak", winner, "mine", "one"))
    assert [battle.winner for battle in library.mine] == ["b"]
    assert library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability < before
    library.forget("one")
    after = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    assert after == pytest.approx(before, abs=1e-9)


def test_battle_taken_back_elsewhere_is_forgotten_with_the_next_turn(
    fresh: Callable[..., Library], tmp_path: Path
):
    library, elsewhere = fresh(), OwnBattles(tmp_path)
    before = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    library.learn(Battle(EASY, "demo/strong", "demo/weak", "a", "mine", "one"))
    elsewhere.forget("one")
    after = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    assert after == pytest.approx(before, abs=1e-9)
    elsewhere.learn(Battle(EASY, "demo/strong", "demo/weak", "a", "mine", "two"))
    library.learn(Battle(HARD, "demo/strong", "demo/weak", "a", "mine", "three"))
    assert [battle.battle_id for battle in elsewhere.read()] == ["two", "three"]
    assert library.decide(EASY, DEMO_PAIR, 0.5, None).neighbours[0].battle_id == "two"


def test_battle_that_cannot_be_embedded_is_not_learnt(
    fresh: Callable[..., Library], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    library = fresh()
    library.learn(Battle(EASY, "demo/strong", "demo/weak", "a", "mine", "one"))
    taught = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability

    def refuse(self: SentenceEmbedder, prompts: list[str]) -> None:
        raise EmbeddingError("out of memory")

    with monkeypatch.context() as broken:
        broken.setattr(SentenceEmbedder, "read", refuse)
        with pytest.raises(EmbeddingError):
            library.learn(Battle("something new", "demo/strong", "demo/weak", "b", "mine", "one"))
    assert [battle.winner for battle in OwnBattles(tmp_path).read()] == ["a"]
    again = library.decide(EASY, DEMO_PAIR, 0.5, None).win_probability
    assert again == pytest.approx(taught, abs=1e-9)


def test_own_battles_are_there_after_a_restart(fresh: Callable[..., Library]):
    library = fresh()
    library.learn(Battle(EASY, "demo/strong", "demo/weak", "a", "mine", "one"))
    taught = library.decide(EASY, DEMO_PAIR, 0.3, 0.5).win_probability
    again = fresh()
    assert [battle.battle_id for battle in again.mine] == ["one"]
    assert again.decide(EASY, DEMO_PAIR, 0.3, 0.5).win_probability == pytest.approx(taught)


def test_starter_battles_are_never_embedded_by_the_person(
    fresh: Callable[..., Library], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    before = fresh().threshold(DEMO_PAIR, 0.3)
    (tmp_path / INDEX_FILE).write_bytes(b"garbage")
    assert fresh().threshold(DEMO_PAIR, 0.3) == pytest.approx(before)
    assert "damaged" in caplog.text
    assert "Embedding" not in caplog.text


def test_forgetting_what_is_not_there_is_an_error(fresh: Callable[..., Library]):
    with pytest.raises(DataError, match="'nothing'"):
        fresh().forget("nothing")


def test_kept_calibration_gives_the_threshold_until_it_is_taken_back(
    fresh: Callable[..., Library],
):
    library = fresh()
    usual = library.threshold(DEMO_PAIR, 0.3)
    kept = library.calibrate(DEMO_PAIR, [EASY, HARD, DESIGN, "thanks"], keep=True)
    assert fresh().threshold(DEMO_PAIR, 0.5) == kept.threshold(0.5)
    library.calibrate(DEMO_PAIR, [], keep=True)
    assert fresh().threshold(DEMO_PAIR, 0.3) == pytest.approx(usual)


def test_imported_set_counts_and_can_be_removed(tmp_path: Path):
    file = tmp_path / "arena.jsonl"
    file.write_text(
        '{"prompt": "what is a monad", "model_a": "x", "model_b": "y", "winner": "model_a"}\n'
        '{"prompt": "broken"}\n'
    )
    report = import_set(tmp_path, file, "arena")
    assert (len(report.battles), len(report.rejected)) == (1, 1)
    assert list(read_sets(tmp_path)) == ["starter", "arena", "mine"]
    with pytest.raises(DataError, match="already exists"):
        import_set(tmp_path, file, "arena")
    remove_set(tmp_path, "arena")
    assert list(read_sets(tmp_path)) == ["starter", "mine"]
    with pytest.raises(DataError, match="no imported set is named 'arena'; there are: none"):
        remove_set(tmp_path, "arena")


def test_imported_set_cannot_pass_for_the_persons_own(tmp_path: Path):
    file = tmp_path / "theirs.jsonl"
    file.write_text(
        '{"prompt": "what is a monad", "model_a": "x", "model_b": "y", "winner": "model_a", '
        '"source": "mine", "battle_id": "one"}\n'
    )
    import_set(tmp_path, file, "theirs")
    (battle,) = read_sets(tmp_path)["theirs"]
    assert (battle.source, battle.battle_id) == ("theirs", "")


@pytest.mark.parametrize("name", ["mine", "starter", "../up", "a/b", ""])
def test_set_names_stay_in_their_folder(tmp_path: Path, name: str):
    with pytest.raises(DataError, match="cannot name a set"):
        keep_set(tmp_path, name, [])
    with pytest.raises(DataError, match=r"cannot name a set|is not an imported set"):
        remove_set(tmp_path, name)


def test_unknown_router_names_the_known_ones(fresh: Callable[..., Library]):
    with pytest.raises(RouterError, match=r"unknown router 'oracle'.*chance.*similarity"):
        fresh(router="oracle")


def test_chance_router_decides_without_neighbours(fresh: Callable[..., Library]):
    decision = fresh(router="chance").decide(HARD, DEMO_PAIR, 0.5, None)
    assert decision.neighbours == ()
    assert 0 <= decision.win_probability <= 1


def test_kept_calibration_goes_when_a_router_is_trained_anew(fresh: Callable[..., Library]):
    folder = Path(fresh(router="chance").folder)
    checkpoint = checkpoint_folder(folder, "factorization")

    def train(steps: int) -> None:
        schedule = replace(FactorizationRouter.default_schedule, steps=steps)
        router = FactorizationRouter(SentenceEmbedder(), schedule=schedule)
        index = load_index(ASSETS / STARTER_INDEX, SentenceEmbedder().name)
        list(router.train_into(checkpoint, starter_battles(), index.vectors().copy()))

    train(20)
    library = fresh(router="factorization")
    own = library.threshold(DEMO_PAIR, 0.5)
    library.calibrate(DEMO_PAIR, [EASY] * 4, keep=True)
    kept = fresh(router="factorization").threshold(DEMO_PAIR, 0.5)
    assert kept != own
    train(20)
    assert fresh(router="factorization").threshold(DEMO_PAIR, 0.5) == own
