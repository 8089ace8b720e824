"""The local scorer against a plain forward pass over every prompt by itself."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.battery import Plan, build
from audit.errors import ModelError
from audit.perturbations import Materials, unperturbed
from audit.prompts import render
from audit.questions import Question
from audit.scorers import Score
from audit.scorers.encoding import Encoder, Pair, single_token_symbols, symbol_tokens
from audit.scorers.local import LocalScorer, Sizes, load, longest_packed
from audit.scorers.onednn import lay_out
from audit.variants import Scoring, Variant
from tests.audit.worlds import world

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

SMALL = {
    "vocab_size": 258,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
# Each of these cannot be packed, for a reason of its own.
STUBBORN: dict[str, dict[str, Any]] = {
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 2},  # ALiBi
    "bloom": {"n_layer": 2, "n_head": 4},  # reads a 2-D mask only
    "mamba": {"state_size": 4, "time_step_rank": 4},  # keeps a state
    "openai-gpt": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 2048},  # no cache
    "mistral": {"sliding_window": 8},
    "gpt_neo": {
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 8,
    },
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More than one only slows models of this size down."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, and a first one before every text."""
    return byte_tokenizer(starts=True)


@pytest.fixture(scope="module")
def llama() -> PreTrainedModel:
    return model_of("llama")


def byte_tokenizer(
    *, starts: bool, merges: Sequence[tuple[str, str]] = ()
) -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<s>", "</s>", *alphabet, *(left + right for left, right in merges)]
    inner = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, list(merges)))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    if starts:
        inner.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


def model_of(kind: str, **sizes: object) -> PreTrainedModel:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**SMALL, **sizes})
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def one_by_one(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, variant: Variant
) -> Iterator[float]:
    """Nats of each continuation by the definition: one pass a continuation, nothing shared."""
    import torch

    prompt = render(variant)
    for continuation in prompt.continuations:
        whole = tokenizer(prompt.context + continuation)["input_ids"]
        known = len(tokenizer(prompt.context)["input_ids"])
        with torch.no_grad():
            logits = model(torch.tensor([whole[:-1]]), use_cache=False).logits[0]
        nats = logits.log_softmax(-1)
        yield sum(float(nats[i - 1, whole[i]]) for i in range(known, len(whole)))


def assert_right(
    scores: Sequence[Score],
    variants: Sequence[Variant],
    model: PreTrainedModel,
    tok: PreTrainedTokenizerFast,
):
    assert len(scores) == len(variants)
    for variant, score in zip(variants, scores, strict=True):
        expected = list(one_by_one(model, tok, variant))
        assert score.loglik == pytest.approx(expected, abs=1e-4), variant.perturbation


def asked(stem: str = "Which?", options: Sequence[str] = ("one", "two", "three")) -> Variant:
    question = Question("q", stem, tuple(options), 0)
    return unperturbed(question, "symbol.0shot", Materials(), 0)


def test_nats_are_those_of_a_plain_pass_over_each_prompt(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    variants = build(world(1), Plan("paper", shots=2)).variants
    scorer = LocalScorer(llama, tokenizer, name="tiny")
    assert scorer.packed
    assert_right(list(scorer.score(variants)), variants, llama, tokenizer)
    alone = sum(len(tokenizer(render(v).context)["input_ids"]) for v in variants)
    assert scorer.spent.tokens < alone / 2


@settings(max_examples=12)
@given(
    texts=st.lists(
        st.tuples(
            st.text("ab é\n", min_size=1, max_size=9),
            st.lists(st.text("ab&§", min_size=1, max_size=4), min_size=2, max_size=4),
            st.sampled_from(["symbol", "hybrid", "cloze"]),
        ),
        min_size=1,
        max_size=6,
    ),
    budget=st.integers(16, 300),
    window=st.integers(1, 4),
)
def test_no_cut_into_rows_changes_a_score(
    llama: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[tuple[str, list[str], Scoring]],
    budget: int,
    window: int,
):
    variants = [replace(asked("?" + stem, options), scoring=by) for stem, options, by in texts]
    scorer = LocalScorer(llama, tokenizer, name="tiny", sizes=Sizes(budget, window))
    assert_right(list(scorer.score(variants)), variants, llama, tokenizer)


@pytest.mark.parametrize("kind", STUBBORN)
def test_a_model_that_cannot_be_packed_is_run_plainly(
    kind: str, tokenizer: PreTrainedTokenizerFast
):
    model = model_of(kind, **STUBBORN[kind])
    scorer = LocalScorer(model, tokenizer, name=kind)
    assert not scorer.packed
    variants = build(world(2), Plan("scoring")).variants
    assert_right(list(scorer.score(variants)), variants, model, tokenizer)


def test_passages_beyond_the_attention_window_are_run_plainly(tokenizer: PreTrainedTokenizerFast):
    model = model_of("mistral", sliding_window=160)
    scorer = LocalScorer(model, tokenizer, name="mistral")
    assert scorer.packed
    variants = [asked("Short?"), asked("Long" * 50 + "?")]
    assert_right(list(scorer.score(variants)), variants, model, tokenizer)


def test_the_longest_packed_passage_is_read_from_the_config():
    from transformers import AutoConfig

    def limit(kind: str, **sizes: object) -> int:
        return longest_packed(AutoConfig.for_model(kind, **{**SMALL, **sizes}))

    assert limit("llama") > 10**9
    assert limit("mistral", sliding_window=4096) == 4096
    assert limit("qwen2", use_sliding_window=False, sliding_window=64) > 10**9
    dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    assert limit("llama", rope_parameters=dynamic) == 2048


def test_a_score_does_not_depend_on_its_neighbours(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    variants = build(world(3), Plan("position")).variants
    scorer = LocalScorer(llama, tokenizer, name="tiny", sizes=Sizes(200, 7))
    scores = list(scorer.score(variants))
    for one, other in zip(scorer.score(variants[::-5]), scores[::-5], strict=True):
        assert one.loglik == pytest.approx(other.loglik, abs=1e-4)
    assert list(scorer.score([])) == []
    stopped = scorer.score(variants)
    assert [next(stopped), next(stopped)] == scores[:2]


def test_a_symbol_of_several_tokens_is_scored_whole(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    variant = asked()
    variant = replace(variant, shown=variant.shown.with_symbols(("A", "§", "Зе")))
    (score,) = LocalScorer(llama, tokenizer, name="tiny").score([variant])
    assert score.tokens == (2, 3, 5)
    assert_right([score], [variant], llama, tokenizer)


def test_the_bare_answer_is_scored_for_cloze(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    variant = replace(asked(), scoring="cloze")
    (score,) = LocalScorer(llama, tokenizer, name="tiny").score([variant])
    (twice,) = LocalScorer(llama, tokenizer, name="tiny", sizes=Sizes(16, 1)).score([variant])
    assert len(score.bare) == 3
    assert score.bare != score.loglik
    assert twice.bare == pytest.approx(score.bare, abs=1e-4)


def test_a_context_too_long_is_cut_on_the_left_and_said_to_be(tokenizer: PreTrainedTokenizerFast):
    import torch

    model = model_of("llama", max_position_embeddings=128)
    questions = [asked("Long" * 40 + "?"), asked("Long" * 50 + "?")]
    score, longer = LocalScorer(model, tokenizer, name="tiny").score(questions)
    assert "cut on the left" in score.warnings[0]
    assert longer.warnings == score.warnings  # one remark of the report, however much was cut
    whole = tokenizer(render(asked("Long" * 40 + "?")).context + " A")["input_ids"][-129:]
    with torch.no_grad():
        nats = model(torch.tensor([whole[:-1]])).logits[0].log_softmax(-1)
    expected = float(nats[-2, whole[-2]] + nats[-1, whole[-1]])
    assert score.loglik[0] == pytest.approx(expected, abs=1e-4)


def test_a_token_across_the_border_belongs_to_the_continuation():
    tokenizer = byte_tokenizer(starts=False, merges=[(":", "Ġ"), (":Ġ", "x")])
    (passage,) = Encoder(tokenizer, 100).encode([Pair("a:", " xy")])
    # "a:" is 2 tokens and "a: xy" is a, ": x", y: past the second one only y is left.
    assert tokenizer.convert_ids_to_tokens(passage.tokens.tolist()) == ["a", ":", "y"]
    assert passage.scored == 1


def test_an_empty_context_becomes_the_first_token():
    (passage,) = Encoder(byte_tokenizer(starts=False), 100).encode([Pair("", "ab")])
    assert passage.tokens.tolist()[0] == 0
    assert passage.scored == 2


def test_a_text_that_spells_the_first_token_gets_no_second_one(tokenizer: PreTrainedTokenizerFast):
    (passage,) = Encoder(tokenizer, 100).encode([Pair("<s>a", "b")])
    assert len(passage.tokens) == 3


def test_a_continuation_without_a_token_is_refused(tokenizer: PreTrainedTokenizerFast):
    with pytest.raises(ValueError, match="adds no token"):
        Encoder(tokenizer, 100).encode([Pair("a", "")])


def test_symbols_of_one_token_can_be_chosen():
    tokenizer = byte_tokenizer(starts=True, merges=[("Ġ", c) for c in "#@Q1"])
    assert symbol_tokens(tokenizer, ["#", "A", "§"]) == (1, 2, 3)
    assert single_token_symbols(tokenizer, 3) == ("#", "@", "Q")
    with pytest.raises(ValueError, match="5 single-token symbols"):
        single_token_symbols(tokenizer, 5)


def cramped() -> PreTrainedModel:
    """A Llama on a machine whose memory holds `most` tokens a pass."""
    import torch
    from transformers import LlamaForCausalLM

    class Cramped(LlamaForCausalLM):
        most = 10**9

        def forward(self, input_ids: torch.Tensor, **options: object) -> object:
            if input_ids.numel() > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return super().forward(input_ids, **options)

    model = Cramped(model_of("llama").config).eval()
    model.load_state_dict(model_of("llama").state_dict())
    return model


def test_out_of_memory_makes_passes_smaller(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    model = cramped()
    scorer = LocalScorer(model, tokenizer, name="tiny")
    variants = build(world(2), Plan("scoring")).variants
    model.most = 40
    assert_right(list(scorer.score(variants)), variants, llama, tokenizer)


def test_out_of_memory_at_the_least_size_says_so(tokenizer: PreTrainedTokenizerFast):
    model = cramped()
    scorer = LocalScorer(model, tokenizer, name="tiny")
    model.most = 0
    with pytest.raises(ModelError, match=r"tiny does not fit into the memory of cpu") as caught:
        list(scorer.score([asked()]))
    assert "bfloat16" in caught.value.hint


def test_values_that_are_no_numbers_are_refused(tokenizer: PreTrainedTokenizerFast):
    model = model_of("llama")
    model.lm_head.weight.data[:] = float("nan")
    with pytest.raises(ModelError, match="NaN"):
        list(LocalScorer(model, tokenizer, name="broken").score([asked()]))


def test_identity_follows_the_weights_and_the_dtype(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    import torch

    first = LocalScorer(llama, tokenizer, name="tiny").identity
    assert first == LocalScorer(model_of("llama"), tokenizer, name="tiny").identity
    assert (first.model, first.dtype, first.method) == ("tiny", "float32", "log-likelihood")
    other = model_of("llama")
    other.lm_head.weight.data[0, 0] += 1
    assert LocalScorer(other, tokenizer, name="tiny").identity.revision != first.revision
    half = LocalScorer(model_of("llama").to(torch.bfloat16), tokenizer, name="tiny")
    assert half.identity.dtype == "bfloat16"


def test_bfloat16_is_packed_and_near(llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast):
    import torch

    scorer = LocalScorer(model_of("llama").to(torch.bfloat16), tokenizer, name="tiny")
    assert scorer.packed
    (score,) = scorer.score([asked()])
    assert score.loglik == pytest.approx(list(one_by_one(llama, tokenizer, asked())), abs=0.5)


def test_a_model_folder_is_loaded(
    tmp_path: Path, llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    llama.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    scorer = load(tmp_path, device="cpu")
    assert scorer.identity == LocalScorer(llama, tokenizer, name=str(tmp_path)).identity
    assert_right(list(scorer.score([asked()])), [asked()], llama, tokenizer)


def test_layers_laid_out_for_onednn_give_the_same_nats(tokenizer: PreTrainedTokenizerFast):
    import torch

    plain, laid_out = model_of("llama"), model_of("llama")
    scorer = LocalScorer(laid_out, tokenizer, name="tiny")
    kept = weakref.ref(laid_out.model.layers[0].mlp.up_proj.weight)
    lay_out(laid_out)
    assert kept() is None
    assert [m for m in laid_out.modules() if type(m) is torch.nn.Linear] == [laid_out.lm_head]
    variants = build(world(1), Plan("scoring")).variants
    assert_right(list(scorer.score(variants)), variants, plain, tokenizer)


@pytest.mark.parametrize("kind", STUBBORN)
def test_a_model_that_cannot_be_packed_is_loaded_as_it_is(
    kind: str, tmp_path: Path, tokenizer: PreTrainedTokenizerFast
):
    model = model_of(kind, **STUBBORN[kind])
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    scorer = load(tmp_path, device="cpu")
    assert_right(list(scorer.score([asked()])), [asked()], model, tokenizer)


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path, llama: PreTrainedModel):
    llama.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="holds no tokenizer") as caught:
        load(tmp_path, device="cpu")
    assert "tokenizer.json" in caught.value.hint


def test_a_folder_without_weights_is_refused(
    tmp_path: Path, llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    llama.config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no causal language model"):
        load(tmp_path, device="cpu")


def test_an_unknown_model_is_refused():
    with pytest.raises(ModelError, match="no such model"):
        load("nobody/has-this-model")


def test_a_small_model_gives_its_threads_back(
    llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    import torch

    scores = LocalScorer(llama, tokenizer, name="tiny").score([asked(), asked("Who?")])
    torch.set_num_threads(2)
    next(scores)
    assert torch.get_num_threads() == 1
    scores.close()
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


@pytest.mark.gpu
def test_a_cuda_device_gives_the_nats_of_the_cpu(
    tmp_path: Path, llama: PreTrainedModel, tokenizer: PreTrainedTokenizerFast
):
    llama.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    variants = build(world(2), Plan("scoring")).variants
    scorer = load(tmp_path, device="cuda", dtype="float32")
    assert scorer.packed
    assert_right(list(scorer.score(variants)), variants, llama, tokenizer)
    assert load(tmp_path, device="cuda").identity.dtype == "bfloat16"
