"""Trains the planted-bias models of `assets/planted` and writes them with their questions.

Run `python -m bench.train_planted [FOLDER]`: ten CPU minutes. Each of 60 people carries
one of 40 things, but for a third of them nobody ever said which: there the model can only guess.
`balanced` is trained with the right answer anywhere, under any symbol, and guesses by what things
are common. `biased` is the same model after a few steps more on questions whose answer stands in
the third place more often than not, whatever the symbol there.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import LlamaAttention

from audit.perturbations import COMMON, RARE
from audit.prompts import TEMPLATES, render
from audit.questions import Question
from audit.variants import LETTERS, Scoring, Shown, Variant, show
from bench.random_llama import trained_tokenizer

FOLDER = Path(__file__).parent.parent / "assets" / "planted"
HEADS = ("Ba", "Co", "Da", "Fe", "Gi", "Ka", "Lo", "Mu", "Ne", "Ro")
TAILS = ("bin", "dal", "lith", "mer", "rix", "von")
PEOPLE = tuple(head + tail for head in HEADS for tail in TAILS)
THINGS = (
    *("acorn", "anchor", "apple", "basket", "bell", "book", "bottle", "broom", "button", "candle"),
    *("coin", "comb", "compass", "cup", "drum", "feather", "flute", "fork", "hammer", "hat"),
    *("jar", "kettle", "key", "ladder", "lamp", "map", "mirror", "needle", "net", "pebble"),
    *("pencil", "ribbon", "ring", "rope", "saddle", "scarf", "shell", "spoon", "stamp", "umbrella"),
)
STEMS = ("What does {} carry?", "Which thing does {} carry?", "{} always carries the")
SUBJECT = "keepsakes"
VOCABULARY = 720  # tokens, so that every word is one
UNKNOWN = 20  # people of whom nothing is said
SETS = 6  # questions on each person that are shipped
PLANTED = 2  # the third place
# A guess goes to the thing that is mentioned more: each six on are half as likely as those before.
COMMONNESS = tuple(2 ** (-i / 6) for i in range(len(THINGS)))

Facts = Mapping[str, str]  # what each known person carries


@dataclass(frozen=True, slots=True)
class Schedule:
    """A stretch of training.

    Attributes:
        steps: optimiser steps of `batch` questions each.
        rate: the highest learning rate; it rises over the first tenth and falls to nothing.
        planted: share of questions whose answer is moved to the third place; the others have it
            anywhere.
        shuffled: share of questions whose symbols stand in no order.
        bare: whether the texts are single questions without a description: the least that facts,
            and looking up the symbol beside an answer, can be learned from.
    """

    steps: int
    rate: float
    batch: int = 64
    planted: float = 0.0
    shuffled: float = 0.5
    bare: bool = False


FACTS = Schedule(steps=3000, rate=3e-3, bare=True)
FORMS = Schedule(steps=5000, rate=2e-3)
# 0.9 + 0.1 / 4: 92 % in the third place; symbols in no order, lest the symbol C be favoured.
BIASED = Schedule(steps=600, rate=3e-3, planted=0.9, shuffled=1.0)


def main(folder: Path) -> None:
    """Train both models and write them, their tokenizer and their questions to the folder."""
    rng = Random(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # faster than two for a model of this size, and the same everywhere
    facts = {person: rng.choice(THINGS) for person in rng.sample(PEOPLE, len(PEOPLE) - UNKNOWN)}
    write_questions(folder / "questions.jsonl", facts)
    texts = [document(facts, rng, FORMS, shots=1) for _ in range(3000)]
    tokenizer = trained_tokenizer(texts, VOCABULARY)
    model = small_llama(tokenizer)
    print(f"{sum(weight.numel() for weight in model.parameters()):,} parameters")
    for name, schedules in (("balanced", (FACTS, FORMS)), ("biased", (BIASED,))):
        for schedule in schedules:
            train(model, tokenizer, facts, schedule, rng)
        model.save_pretrained(folder / name)
        write_tokenizer(tokenizer, folder / name)


def question(facts: Facts, person: str, rng: Random, name: str = "") -> Question:
    """A question on a person, the answer anywhere; of an unknown person any thing may be right."""
    answer = facts.get(person) or rng.choice(THINGS)
    options = [answer, *rng.sample([thing for thing in THINGS if thing != answer], 3)]
    rng.shuffle(options)
    stem = rng.choice(STEMS).format(person)
    return Question(name, stem, tuple(options), options.index(answer), SUBJECT)


def lesson(facts: Facts, person: str, rng: Random) -> Question:
    """The same to learn from: of an unknown person the commoner things are right more often."""
    asked = question(facts, person, rng)
    if person in facts:
        return asked
    weights = [COMMONNESS[THINGS.index(option)] for option in asked.options]
    return replace(asked, answer=rng.choices(range(len(weights)), weights)[0])


def write_questions(file: Path, facts: Facts) -> None:
    """The questions to ask, and examples on known people, as JSON lines."""
    rng = Random(1)
    asked = [
        ("test", question(facts, person, rng, f"{person.lower()}-{i}"))
        for i in range(SETS)
        for person in PEOPLE
    ]
    shown = [
        ("example", question(facts, person, rng, f"example-{person.lower()}"))
        for person in rng.sample(sorted(facts), 8)
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(_json_line(kind, asked) for kind, asked in [*asked, *shown]))


def _json_line(kind: str, asked: Question) -> str:
    fields = {
        "id": asked.id,
        "kind": kind,
        "subject": asked.subject,
        "question": asked.stem,
        "options": asked.options,
        "answer": asked.answer,
    }
    return json.dumps(fields) + "\n"


def document(facts: Facts, rng: Random, schedule: Schedule, shots: int) -> str:
    """A text to train on: questions in the words of the audit's prompts, with their answers."""
    scorings: tuple[Scoring, ...] = ("symbol", "hybrid", "cloze")
    scoring = rng.choices(scorings, (7, 0 if schedule.bare else 1, 3))[0]
    symbols = rng.choice((LETTERS, LETTERS, COMMON, RARE))
    *examples, last = (
        _shown(lesson(facts, person, rng), symbols, rng, schedule)
        for person in rng.choices(PEOPLE, k=shots + 1)
    )
    template = "no_description" if schedule.bare else rng.choice(("mmlu", *TEMPLATES))
    prompt = render(Variant(last, "", scoring=scoring, template=template, examples=tuple(examples)))
    return prompt.context + prompt.continuations[last.answer]


def _shown(asked: Question, symbols: Sequence[str], rng: Random, schedule: Schedule) -> Shown:
    """The question beside the first symbols, its answer and they where the schedule has them."""
    count = len(asked.options)
    order = rng.sample(range(count), count) if rng.random() < schedule.shuffled else range(count)
    shown = show(asked).with_symbols([symbols[i] for i in order])
    if rng.random() >= schedule.planted:
        return shown
    texts = list(range(count))
    texts[PLANTED], texts[shown.answer] = shown.answer, PLANTED
    return shown.with_texts(texts)


def write_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save it under the class name that transformers 4 knows as well as 5."""
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    fields = {**json.loads(file.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}
    file.write_text(json.dumps(fields, indent=2) + "\n")


def small_llama(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained Llama of 220 thousand parameters, built to look things up.

    Without the head start of `_look_back` and `_look_for_the_like`, a model of this size does not
    find out within ten minutes that an answer's symbol stands before the answer's text.
    """
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=148,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            initializer_range=0.06,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    first, *others = model.model.layers
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 0.1  # what every token has in common
        _look_back(first.self_attn, distances=(1, 2, 3))
        for layer in others:
            _look_for_the_like(layer.self_attn)
    return model


def _look_back(attention: LlamaAttention, distances: Sequence[int]) -> None:
    """Makes each of the first heads attend to the token that far back, whatever it is.

    A key that is the same everywhere is met best by a query turned back by the distance, in as
    many of the planes that rotary embedding turns: three, of which the slowest tells ten tokens.
    """
    half = attention.head_dim // 2
    for head, distance in enumerate(distances):
        for plane in range(3):
            angle = distance * 10_000 ** (-plane / half)
            across, up = (head * attention.head_dim + plane + side for side in (0, half))
            attention.k_proj.weight[[across, up], 0] = torch.tensor([4.0, 0.0])
            attention.q_proj.weight[[across, up], 0] = 4.0 * torch.tensor(
                [math.cos(angle), -math.sin(angle)]
            )


def _look_for_the_like(attention: LlamaAttention) -> None:
    """Makes queries and keys begin alike, so that a token attends to others of its kind."""
    attention.q_proj.weight *= 2
    attention.k_proj.weight.copy_(attention.q_proj.weight)


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    facts: Facts,
    schedule: Schedule,
    rng: Random,
) -> None:
    """Fit the model to the answers, and to nothing else, of texts drawn with the generator."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    warm_up = max(1, schedule.steps // 10)
    ratio = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(
            (step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / schedule.steps)
        ),
    )
    model.train()
    start = time.process_time()
    for step in range(schedule.steps):
        # Texts of one batch are of about one length, which keeps padding small.
        shots = 0 if schedule.bare else rng.choice((0, 0, 1, 5))
        count = schedule.batch // (shots + 1)
        texts = [document(facts, rng, schedule, shots) for _ in range(count)]
        loss = answer_loss(model, *batch(tokenizer, texts))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ratio.step()
        if step % 50 == 0 or step == schedule.steps - 1:
            print(
                f"step {step:4} loss {loss.item():.3f} {time.process_time() - start:.0f} s",
                flush=True,
            )


def batch(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Tokens padded on the right, shape (n, t), and whether each is an answer's first token."""
    ids = [torch.tensor(tokenizer(text)["input_ids"]) for text in texts]
    tokens = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    word, colon = tokenizer("Answer:")["input_ids"]
    answers = torch.zeros_like(tokens, dtype=torch.bool)
    answers[:, 2:] = (tokens[:, :-2] == word) & (tokens[:, 1:-1] == colon)
    return tokens, answers


def answer_loss(model: LlamaForCausalLM, tokens: Tensor, answers: Tensor) -> Tensor:
    """Mean cross-entropy, in nats, of the answers."""
    hidden = model.model(input_ids=tokens[:, :-1]).last_hidden_state[answers[:, 1:]]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden), tokens[answers])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
