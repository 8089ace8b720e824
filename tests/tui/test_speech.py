"""Markdown as lines to be said."""

import random

import pytest

from tui.plain.speech import Speech, spoken

REPLY = """# Two *ways*

Both are **event loops**, but `tokio` is
multi-threaded. See [the book](https://tokio.rs/book).

1. spawn a task
2. await it
   - in a `select!`

> Quoted _words_.

| crate | speed |
|-------|------:|
| tokio | 10    |
| smol  | **9** |

```rust
fn main() {

    run();
}
```
---
Done ~~here~~.
"""
SAID = [
    "Two ways",
    "Both are event loops, but tokio is multi-threaded. See the book (https://tokio.rs/book).",
    "1. spawn a task",
    "2. await it",
    "• in a select!",
    "Quote: Quoted words.",
    "Table: crate, speed.",
    "crate: tokio; speed: 10",
    "crate: smol; speed: 9",
    "Code, rust:",
    "fn main() {",
    "    run();",
    "}",
    "End of code.",
    "Done here.",
]


def test_marks_are_not_said():
    assert spoken(REPLY) == SAID


@pytest.mark.parametrize("seed", range(5))
def test_a_reply_that_streams_is_said_once_and_in_order(seed: int):
    chance, speech, said, at = random.Random(seed), Speech(), [], 0
    while at < len(REPLY):
        step = chance.randint(1, 9)
        said += speech.add(REPLY[at : at + step])
        at += step
    assert [*said, *speech.end()] == SAID


def test_nothing_waits_for_the_end_of_a_reply():
    speech = Speech()
    assert speech.add("One.\n\nTwo") == ["One."]
    assert speech.add(".\n\n- a\n- b\n- c") == ["Two.", "• a", "• b"]
    assert speech.add("\n\n```py\nx = 1\ny =") == ["• c", "Code, py:", "x = 1"]
    assert speech.add(" 2\n```\n") == ["y = 2", "End of code."]
    assert speech.add("\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3") == ["Table: a, b.", "a: 1; b: 2"]
    assert speech.end() == ["a: 3; b: "]


def test_code_that_is_cut_is_said_to_its_last_row():
    assert spoken("```\nwhole\nhal") == ["Code:", "whole", "hal", "End of code."]


def test_code_in_a_list_and_an_indented_one_are_said_whole():
    assert spoken("1. run\n\n   ```sh\n   make\n   ```\n\n    left\n") == [
        "1. run",
        "Code, sh:",
        "make",
        "End of code.",
        "left",
    ]
    assert spoken("so:\n\n    x = 1\n") == ["so:", "Code:", "x = 1", "End of code."]


def test_a_bar_that_the_model_wrote_is_no_quote():
    assert spoken("progress ▌▌▌ 30%") == ["progress ▌▌▌ 30%"]
    assert spoken("> progress ▌ 30%") == ["Quote: progress ▌ 30%"]
