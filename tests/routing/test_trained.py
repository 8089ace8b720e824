"""The trained routers: what they learn, for which pair they speak, and what they refuse."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routing.battles import Battle
from routing.checkpoints import checkpoint_folder
from routing.errors import DataError, RouterError
from routing.index import unique_prompts
from routing.routers import ROUTERS, SUMMARIES, TRAINED, reader, router_class
from routing.routers.bert import BertRouter
from routing.routers.causal import LABELS, CausalRouter
from routing.routers.factorization import FactorizationRouter
from routing.routers.text import _Learner, sides_of
from routing.routers.trained import TrainedRouter
from routing.training import Schedule
from tests.routing.fakes import HashEmbedder, random_battles
from tests.routing.tiny import tiny_causal, tiny_encoder

FAST = Schedule(batch_size=16, learning_rate=5e-3, weight_decay=0.0, steps=150, check_every=15)
EASY, HARD = ["hello", "please"], ["prove", "it"]


def easy_and_hard(count: int = 120, strong: str = "strong", weak: str = "weak") -> list[Battle]:
    """The strong model wins where the prompt asks for a proof; elsewhere it is a tie."""
    rng = np.random.default_rng(0)
    battles = []
    for number in range(count):
        hard = number % 2 == 0
        words = [*(HARD if hard else EASY), *(f"word{n}" for n in rng.integers(60, size=2))]
        prompt = " ".join([*words, str(number)])
        battles.append(Battle(prompt, strong, weak, "a" if hard else "tie"))
    return battles


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_causal(tmp_path_factory.mktemp("causal")))


def untrained(name: str, base: str = "", **settings: object) -> TrainedRouter:
    kind = router_class(name)
    more = {"schedule": FAST} | ({} if name == "factorization" else {"base": base}) | settings
    return kind(HashEmbedder(), **more)


@pytest.fixture(params=TRAINED)
def router(request: pytest.FixtureRequest, encoder: str, causal: str) -> TrainedRouter:
    return untrained(request.param, {"bert": encoder, "causal": causal}.get(request.param, ""))


def test_registry_says_which_are_trained():
    kinds = {name: router_class(name) for name in ROUTERS}
    assert {name for name, kind in kinds.items() if issubclass(kind, TrainedRouter)} == set(TRAINED)
    assert set(SUMMARIES) == set(ROUTERS)


def test_hard_prompts_get_more_than_easy_ones(router: TrainedRouter):
    router.fit(easy_and_hard())
    hard, easy = router.win_probability(["prove it word7 word8", "hello please word7 word8"])
    assert hard > easy + 0.1
    assert router.manifest_.held_out_loss < 0.69


def test_checkpoint_gives_the_same_numbers(router: TrainedRouter, tmp_path: Path):
    battles = easy_and_hard()
    router.fit(battles).save(checkpoint_folder(tmp_path, router.name))
    again = type(router).open(HashEmbedder(), battles, tmp_path)
    prompts = ["prove it", "hello", "", "word1 word2"]
    assert again.win_probability(prompts) == pytest.approx(
        router.win_probability(prompts), abs=1e-6
    )
    assert np.allclose(again.sample(), router.sample(), atol=1e-6)
    assert again.manifest_.battles == len(battles)
    assert again.judge("prove it word1", 3).neighbours


def test_same_seed_same_weights(router: TrainedRouter):
    battles = easy_and_hard(40)
    short = replace(FAST, steps=20)
    router.schedule = short
    first = router.fit(battles).win_probability(["prove it", "hello"])
    assert np.array_equal(router.fit(battles).win_probability(["prove it", "hello"]), first)
    router.schedule = replace(short, seed=1)
    assert not np.array_equal(router.fit(battles).win_probability(["prove it", "hello"]), first)


def test_interrupted_training_goes_on_in_the_same_folder(router: TrainedRouter, tmp_path: Path):
    battles, folder = easy_and_hard(40), tmp_path / "trained" / router.name
    router.schedule = replace(FAST, steps=30)
    whole = router.fit(battles).win_probability(["prove it"])
    training = router.train_into(folder, battles)
    for _ in range(10):
        next(training)
    training.close()
    assert not folder.exists()
    assert len(list(folder.parent.iterdir())) == 1
    steps = [progress.step for progress in router.train_into(folder, battles)]
    assert steps[0] == 11
    assert np.array_equal(router.win_probability(["prove it"]), whole)
    assert [path.name for path in folder.parent.iterdir()] == [router.name]


def test_another_training_does_not_go_on_from_it(router: TrainedRouter, tmp_path: Path):
    battles, folder = easy_and_hard(40), tmp_path / router.name
    router.schedule = replace(FAST, steps=5)
    training = router.train_into(folder, battles)
    next(training)
    training.close()
    router.schedule = replace(FAST, steps=6)
    assert next(router.train_into(folder, battles)).step == 1
    router.schedule = replace(FAST, steps=5)
    assert next(router.train_into(folder, battles[1:])).step == 1


def test_battle_of_the_person_speaks_for_its_prompt_at_once_for_every_pair(router: TrainedRouter):
    router.schedule = replace(FAST, steps=2)
    router.fit(easy_and_hard(20))
    pair = router.for_pair("big", "small")
    router.add([Battle("plan my week", "big", "small", "b", "mine", "id-1")])
    (found,) = pair.judge("plan my week", 1).neighbours
    assert (found.battle_id, found.outcome) == ("id-1", "small won")
    router.forget("id-1")
    assert pair.judge("plan my week", 1).neighbours[0].battle_id == ""


def test_no_battles_are_refused(router: TrainedRouter):
    with pytest.raises(RouterError, match="no battles to learn from"):
        router.fit([])


@pytest.mark.parametrize("winner", ["a", "b", "tie"])
def test_one_sided_battles_are_refused(router: TrainedRouter, winner: str):
    battles = [replace(battle, winner=winner) for battle in easy_and_hard(20)]
    with pytest.raises(RouterError, match="one-sided") as caught:
        router.fit(battles)
    assert caught.value.hint.startswith("Add battles")


def test_vectors_that_are_no_numbers_are_refused_by_their_prompt(router: TrainedRouter):
    battles = easy_and_hard(20)
    vectors = HashEmbedder().embed(unique_prompts(battles))
    vectors[3, 5] = np.nan
    with pytest.raises(ValueError, match="1 vectors are not finite, the first in row 3: 'hello"):
        router.fit(battles, vectors)
    with pytest.raises(ValueError, match=r"a row for each of 20 prompts, not \(19, 32\)"):
        router.fit(battles, vectors[1:])


def test_unknown_device_is_refused(router: TrainedRouter):
    router.device = "abacus"
    with pytest.raises(RouterError, match="there is no device 'abacus' here"):
        router.fit(easy_and_hard(20))


class TestFactorization:
    def test_ranks_every_model_that_its_battles_name(self):
        router = FactorizationRouter(HashEmbedder()).fit(random_battles(3000, 5, prompts=400))
        prompts = [f"word{n} word{n + 1}" for n in range(30)]
        against = [router.for_pair("model0", f"model{n}") for n in range(1, 5)]
        means = [pair.win_probability(prompts).mean() for pair in against]
        assert means == sorted(means)
        assert all(pair.stand_ins == () for pair in against)

    def test_turned_pair_turns_the_chance(self):
        router = FactorizationRouter(HashEmbedder(), schedule=FAST).fit(easy_and_hard())
        there = router.for_pair("strong", "weak").win_probability(["prove it"])
        back = router.for_pair("weak", "strong").win_probability(["prove it"])
        assert there + back == pytest.approx(1)

    def test_unknown_models_are_stood_in_for(self):
        router = FactorizationRouter(HashEmbedder(), schedule=FAST)
        router.fit([*easy_and_hard(), *random_battles(60, 3)])
        pair = router.for_pair("new/large", "new/small")
        assert pair.stand_ins == ("new/large", "new/small")
        assert pair.win_probability(["x"]) == router.win_probability(["x"])
        assert router.for_pair("model0", "new/small").stand_ins == ("new/small",)
        same = router.for_pair("model1", "model1")
        assert same.stand_ins == ("model1", "model1")

    def test_without_starters_the_most_battled_of_the_tiers_stand_in(self):
        battles = random_battles(600, 4, prompts=100)
        router = FactorizationRouter(HashEmbedder(), schedule=FAST).fit(battles)
        assert router.manifest_.strong == ("model0",)
        assert router.manifest_.weak[0] in {"model1", "model2", "model3"}

    def test_own_battles_speak_for_the_stand_ins(self):
        mine = [
            Battle(f"plan my week {n}", "big", "small", "a" if n % 3 else "b", "mine", f"id-{n}")
            for n in range(30)
        ]
        router = FactorizationRouter(HashEmbedder(), schedule=FAST)
        router.fit([*easy_and_hard(), *mine])
        assert set(router.manifest_.models) == {"strong", "weak"}

    def test_ties_pull_towards_even_unless_they_are_skipped(self):
        battles = easy_and_hard() + [Battle("hello x", "weak", "strong", "a")] * 3
        even, skipped = (
            FactorizationRouter(HashEmbedder(), ties=ties, schedule=FAST).fit(battles)
            for ties in ("half", "skip")
        )
        prompts = ["please word3 word5"]
        assert abs(even.win_probability(prompts)[0] - 0.5) < 0.15
        assert skipped.win_probability(prompts)[0] != even.win_probability(prompts)[0]

    def test_collapsed_form_equals_the_module(self):
        import torch

        router = FactorizationRouter(HashEmbedder(), schedule=FAST).fit(easy_and_hard())
        rows = HashEmbedder().embed(["prove it", "hello word5"])
        places = [torch.tensor([router._place[name]] * 2) for name in ("strong", "weak")]
        with torch.no_grad():
            logits = router._module(torch.tensor(rows), *places)
        assert router.win_probability_from(rows) == pytest.approx(
            logits.sigmoid().numpy(), abs=1e-6
        )

    def test_rows_of_another_length_are_refused(self):
        router = FactorizationRouter(HashEmbedder(), schedule=FAST).fit(easy_and_hard())
        with pytest.raises(ValueError, match=r"expected rows of 32 numbers, not \(1, 31\)"):
            router.win_probability_from(np.zeros((1, 31), dtype=np.float32))

    def test_checkpoint_of_another_embedder_is_refused(self, tmp_path: Path):
        battles = easy_and_hard()
        router = FactorizationRouter(HashEmbedder(name="one"), schedule=FAST).fit(battles)
        router.save(checkpoint_folder(tmp_path, "factorization"))
        with pytest.raises(RouterError, match="vectors of one, the embedder in use is other"):
            FactorizationRouter.open(HashEmbedder(name="other"), battles, tmp_path)

    def test_table_of_other_models_is_refused(self, tmp_path: Path):
        router = FactorizationRouter(HashEmbedder(), schedule=FAST).fit(easy_and_hard())
        folder = checkpoint_folder(tmp_path, "factorization")
        router.save(folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["models"].append("gpt-9")
        (folder / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(DataError, match="a table of 2 models; the manifest names 3"):
            FactorizationRouter(HashEmbedder()).load(folder)


class TestSides:
    BATTLES = (
        [Battle(f"s {n}", "strong", "weak", "a" if n % 2 else "tie") for n in range(40)]
        + [Battle(f"b {n}", "weak", "best", "b" if n % 4 else "tie") for n in range(40)]
        + [Battle(f"t {n}", "weak", "tiny", "a" if n % 8 else "b") for n in range(40)]
    )

    def test_strong_side_stands_above_the_weak_tier(self):
        sides = sides_of(self.BATTLES, "strong", "weak")
        assert set(sides.names.strong) == {"strong", "best"}
        assert sides.names.weak == ("weak",)
        assert len(sides.prompts) == 80

    def test_outcomes_are_seen_from_the_strong_side(self):
        sides = sides_of(self.BATTLES, "strong", "weak")
        outcomes = dict(zip(sides.prompts, sides.outcomes, strict=True))
        assert outcomes["s 1"] == outcomes["b 1"] == 0
        assert outcomes["s 0"] == outcomes["b 0"] == 2

    def test_grade_of_the_weak_reply_goes_along(self):
        graded = [replace(battle, score=2) for battle in self.BATTLES]
        scores = dict(zip(*sides_of(graded, "strong", "weak")[1::2], strict=True))
        assert scores["s 1"] == 2
        assert scores["b 1"] is None  # there the grade is the strong reply's

    def test_pair_says_which_battles_count(self):
        sides = sides_of(self.BATTLES, "best", "tiny")
        assert sides.names.weak == ("tiny",)
        assert {prompt[0] for prompt in sides.prompts} == {"t"}

    def test_no_battle_between_the_sides_is_told(self):
        far = [Battle(f"x {n}", "big", "tiny", "a" if n % 9 else "b") for n in range(40)]
        near = [Battle(f"y {n}", "mid", "tiny", "a" if n % 3 else "b") for n in range(40)]
        with pytest.raises(RouterError, match="one-sided: of 80 battles 0 are between"):
            sides_of([*far, *near], "big", "mid")


class TestText:
    def test_pairs_of_the_same_sides_share_their_number(self, encoder: str):
        router = untrained("bert", encoder).fit(TestSides.BATTLES)
        base = router.win_probability(["prove it"])
        assert router.for_pair("best", "weak").win_probability(["prove it"]) == base
        assert router.for_pair("best", "weak").stand_ins == ()
        assert router.for_pair("new", "tiny").win_probability(["prove it"]) == base
        assert router.for_pair("new", "tiny").stand_ins == ("new", "tiny")
        turned = router.for_pair("weak", "best")
        assert turned.win_probability(["prove it"]) == pytest.approx(1 - base)
        assert turned.stand_ins == ()

    def test_what_is_read_and_learnt_does_not_depend_on_how_much_at_once(
        self, encoder: str, monkeypatch: pytest.MonkeyPatch
    ):
        prompts = ["prove it", "hi", "word1 word2 word3 word4 word5", "prove word7"]
        router = untrained("bert", encoder).fit(TestSides.BATTLES)
        router._reader.module.eval()
        learner = _Learner(router._reader, [router._encode(each) for each in prompts], [0, 1, 2, 0])
        read, loss = router.win_probability(prompts), learner.loss(np.arange(4))
        monkeypatch.setattr(reader, "READ_TOKENS", 1)
        assert router.win_probability(prompts) == pytest.approx(read, abs=1e-6)
        one_by_one = _Learner(learner.reader, learner.tokens, [0, 1, 2, 0])
        assert one_by_one.loss(np.arange(4)).item() == pytest.approx(loss.item(), abs=1e-6)

    def test_base_that_is_not_there_is_named(self, tmp_path: Path):
        router = untrained("bert", str(tmp_path / "nowhere"))
        with pytest.raises(
            RouterError, match=r"base model '.*nowhere' of the bert router"
        ) as caught:
            router.fit(easy_and_hard(20))
        assert "--base" in caught.value.hint

    def test_causal_wants_a_base(self):
        with pytest.raises(RouterError, match="none is named"):
            CausalRouter(HashEmbedder(), schedule=FAST).fit(easy_and_hard(20))

    def test_checkpoints_are_ordinary_folders_of_transformers(
        self, encoder: str, causal: str, tmp_path: Path
    ):
        from transformers import (
            AutoModelForCausalLM,
            AutoModelForSequenceClassification,
            AutoTokenizer,
        )

        short = replace(FAST, steps=2)
        untrained("bert", encoder, schedule=short).fit(easy_and_hard(20)).save(tmp_path / "b")
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "b")
        assert model.config.id2label == {0: "strong wins", 1: "tie", 2: "weak wins"}
        untrained("causal", causal, schedule=short).fit(easy_and_hard(20)).save(tmp_path / "c")
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "c")
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "c")
        places = tokenizer.convert_tokens_to_ids(list(LABELS))
        assert len(set(places)) == 5
        assert model.get_output_embeddings().weight.shape[0] > max(places)
        assert not any("lora" in name for name, _ in model.named_parameters())

    def test_causal_reads_the_label_logits_of_an_ordinary_forward_pass(
        self, causal: str, tmp_path: Path
    ):
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        router = untrained("causal", causal, schedule=replace(FAST, steps=20))
        router.fit(easy_and_hard(40)).save(tmp_path / "c")
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / "c")
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "c")
        ids = router._encode("prove it word3")
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        labels = logits[tokenizer.convert_tokens_to_ids(list(LABELS))]
        expected = labels.double().softmax(0)[:3].sum().item()
        assert router.win_probability(["prove it word3"])[0] == pytest.approx(expected, abs=1e-6)

    def test_causal_learns_the_judges_grade_and_bert_the_winner(self, causal: str):
        router = CausalRouter(HashEmbedder(), base=causal)
        assert [router._target(2, score) for score in (1, 4, 5, None)] == [0, 3, 4, 3]
        assert BertRouter(HashEmbedder())._target(2, 1) == BertRouter.targets[2]

    @pytest.mark.parametrize("rank", [0, 4])
    def test_lora_leaves_the_base_weights_to_the_merge(self, causal: str, rank: int):
        router = CausalRouter(HashEmbedder(), base=causal, rank=rank, schedule=FAST)
        reader = router._from_base()
        trained = {name for name, w in reader.module.named_parameters() if w.requires_grad}
        assert any("lora" in name for name in trained) == bool(rank)
        assert "head.weight" in trained
        assert ("model.model.embed_tokens.weight" in trained) == (not rank)

    def test_labels_in_a_prompt_are_the_persons_text(self, causal: str):
        router = untrained("causal", causal, schedule=replace(FAST, steps=2))
        router.fit(easy_and_hard(20))
        labels = set(router._reader.labels)
        assert not labels & set(router._encode("[[5]] please [[1]]"))

    def test_long_prompts_are_cut_inside_the_question(self, causal: str):
        router = untrained("causal", causal, schedule=replace(FAST, steps=2))
        router.fit(easy_and_hard(20))
        long, short = (router._encode("word1 " * count) for count in (5000, 2))
        assert len(long) == 128
        assert long[-1] == short[-1]
        assert long[:5] == short[:5]


def test_bert_starts_from_the_packaged_encoder():
    router = BertRouter(HashEmbedder(), schedule=replace(FAST, steps=1, batch_size=2))
    battles = easy_and_hard(6)
    router.sample_size = 2
    router.fit(battles)
    assert router.manifest_.base == "minilm"
    assert 0 < router.win_probability(["prove it"])[0] < 1
