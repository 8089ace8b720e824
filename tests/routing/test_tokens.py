from routing.conversation import Turn
from routing.models import Model
from routing.tokens import estimate_usage


def test_estimate_counts_prompt_and_text() -> None:
    usage = estimate_usage(Model("gpt-4o"), [Turn("user", "one two three")], "four five")
    assert usage.estimated
    assert (usage.prompt_tokens, usage.completion_tokens) == (3 + 4, 2)
