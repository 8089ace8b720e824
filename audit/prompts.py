"""The exact text that the model sees for a Variant; nowhere else is prompt text written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audit.variants import Shown, Variant

DELIMITER = " "  # between "Answer:" and the answer, as lm-eval's target_delimiter
BETWEEN = "\n\n"  # between few-shot examples, as lm-eval's fewshot_delimiter
ANSWER = "Answer:"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is measured: log p(continuation | context) for each option in shown order.

    The context never ends in white space: what it would end in stands at the head of each
    continuation, as lm-eval's `_encode_pair` has it. A scorer encodes context + continuation
    jointly and takes the tokens past len(encode(context)).

    Attributes:
        bare: the context of cloze scoring without its question, for normalising by pointwise
            mutual information; "" for the other scorings.
    """

    context: str
    continuations: tuple[str, ...]
    bare: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """How a question with its options is laid out.

    Attributes:
        description: stands once at the head; `{about}` is " about <subject>", or "".
        question: `{stem}` stands for the question.
        heading: a line above the options, or "".
        marker: stands before an option's text, `{symbol}` for its symbol.
        answer: from the last option to the answer's delimiter.
    """

    description: str = "The following are multiple choice questions (with answers){about}.\n\n"
    question: str = "{stem}\n"
    heading: str = ""
    marker: str = "{symbol}. "
    answer: str = ANSWER


TEMPLATES: dict[str, Template] = {
    "mmlu": Template(),
    "no_description": Template(description=""),
    "question": Template(question="Question: {stem}\n"),
    "choices": Template(heading="Choices:\n"),
    "options": Template(heading="Options:\n"),
    "question_choices": Template(question="Question: {stem}\n", heading="Choices:\n"),
    "question_options": Template(question="Question: {stem}\n", heading="Options:\n"),
    "parentheses": Template(marker="({symbol}) "),
    "parenthesis": Template(marker="{symbol}) "),
    "space": Template(marker="{symbol}.  "),
    "newline": Template(answer=f"\n{ANSWER}"),
}


def render(variant: Variant) -> Prompt:
    """The prompt that the model sees for the Variant.

    Under the template "mmlu" it is lm-eval's stock MMLU text, to the letter; under cloze scoring
    its stock ARC text, whatever the template.
    """
    body = _cloze_body if variant.scoring == "cloze" else _body_of(TEMPLATES[variant.template])
    head = "" if variant.scoring == "cloze" else _description(variant)
    examples = "".join(
        body(example) + DELIMITER + _answers(variant, example)[example.answer] + BETWEEN
        for example in variant.examples
    )
    text = head + examples + body(variant.shown)
    context = text.rstrip()
    lead = text[len(context) :] + DELIMITER
    return Prompt(
        context=context,
        continuations=tuple(lead + answer for answer in _answers(variant, variant.shown)),
        bare=ANSWER if variant.scoring == "cloze" else "",
    )


def message(variant: Variant) -> str:
    """The same question as one message to a chat model, which is to answer with a symbol alone."""
    return f"{render(variant).context}\n\n{instruction(variant)}"


def instruction(variant: Variant) -> str:
    """What a chat model is told to reply with."""
    *others, last = variant.shown.symbols
    return f"Reply with one symbol only: {', '.join(others)} or {last}."


def _answers(variant: Variant, shown: Shown) -> tuple[str, ...]:
    """What follows the delimiter for each option, in shown order."""
    return shown.symbols if variant.scoring == "symbol" else shown.options


def _description(variant: Variant) -> str:
    subject = variant.shown.subject.replace("_", " ").replace("-", " ")
    about = f" about {subject}" if subject else ""
    return TEMPLATES[variant.template].description.format(about=about)


def _cloze_body(shown: Shown) -> str:
    return f"Question: {shown.stem}\n{ANSWER}"


def _body_of(template: Template) -> Callable[[Shown], str]:
    """Lays out one question from its stem to "Answer:"."""

    def body(shown: Shown) -> str:
        lines = "".join(
            template.marker.format(symbol=symbol) + option + "\n"
            for symbol, option in zip(shown.symbols, shown.options, strict=True)
        )
        # Replaced, not formatted: a stem may hold braces.
        stem = template.question.replace("{stem}", shown.stem.strip())
        return stem + template.heading + lines + template.answer

    return body
