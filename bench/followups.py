"""Follow-ups ("yes, do it") routed by what they refer to: ways to do it, on labelled conversations.

Each conversation of `tests/routing/followups.jsonl` says which tier its last message deserves. A
row is a way to make the text that is routed: AUC (chance that a turn that deserves the strong
model gets the higher win probability), and the share of right routes where as many turns go to
the strong model as deserve it. Then the same by kind, for the last message alone and for what
`routing.query` does.

Run `python -m bench.followups`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routing.conversation import Turn
from routing.events import EngineOptions
from routing.library import Library, read_sets
from routing.models import DEMO_PAIR
from routing.query import ENOUGH_CHARACTERS, query_of, shortened

CONVERSATIONS = Path(__file__).parents[1] / "tests" / "routing" / "followups.jsonl"
BOOTSTRAPS, SEED = 2000, 0
LENGTHS = (30, 40, 60, 80, 100, 150)
KEPT = "as routing.query does"


def joined(
    earlier: int, *, trim: int = 10**9, newest_first: bool = True
) -> Callable[[Sequence[str]], str]:
    """The last message and so many before it, each at most that long."""

    def text(turns: Sequence[str]) -> str:
        said = [shortened(turn, trim) for turn in turns[-1 - earlier :]]
        return "\n\n".join(said[::-1] if newest_first else said)

    return text


def twice(turns: Sequence[str]) -> str:
    """The last message said twice, so that it weighs more than the two before it."""
    return f"{shortened(turns[-1])}\n\n{joined(2, trim=600)(turns)}"


def asked(turns: Sequence[str], enough: int = ENOUGH_CHARACTERS) -> str:
    """What the program does, with that length of a message that says enough."""
    return query_of([Turn("user", turn) for turn in turns], enough).text


WAYS: dict[str, Callable[[Sequence[str]], str]] = {
    "the last message": joined(0),
    "the last message, trimmed": joined(0, trim=600),
    "and one before it": joined(1),
    "and one before it, trimmed": joined(1, trim=600),
    "and two before it": joined(2),
    "and two before it, trimmed": joined(2, trim=600),
    "the same, oldest first": joined(2, trim=600, newest_first=False),
    "the same, the last one twice": twice,
    KEPT: asked,
}


def main() -> None:
    """Print the tables."""
    rows = [json.loads(line) for line in CONVERSATIONS.read_text(encoding="utf-8").splitlines()]
    deserves = np.array([row["tier"] == "strong" for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        library = Library.open(EngineOptions(folder=folder))
        calibration = library.calibrate(DEMO_PAIR, [], keep=False)
        router = library.router_for(DEMO_PAIR)
        battles = {b.prompt.strip() for s in read_sets(Path(folder)).values() for b in s}
    seen = sum(turn.strip() in battles for row in rows for turn in row["turns"])
    print(
        f"{len(rows)} conversations, {deserves.sum()} deserve the strong model. {seen} of their "
        "messages are prompts of battles.\n"
    )
    scores = {
        name: router.win_probability([way(row["turns"]) for row in rows])
        for name, way in WAYS.items()
    }
    threshold = calibration.threshold(0.5)
    print(f"{'routed by':32}{'AUC':>6}{'right':>8}{'at 50 %':>9}{'against the last alone':>26}")
    for name, score in scores.items():
        low, high = gain(score, scores["the last message"], deserves)
        print(
            f"{name:32}{auc(score, deserves):6.3f}{right(score, deserves).mean():8.1%}"
            f"{((score >= threshold) == deserves).mean():9.1%}   AUC {low:+.3f} to {high:+.3f}"
        )
    lengths = {n: router.win_probability([asked(row["turns"], n) for row in rows]) for n in LENGTHS}
    for half in (0, 1):
        print(chosen_elsewhere(np.arange(len(rows)) % 2 == half, lengths, scores, deserves))
    print(f"\n{'right by kind':32}{'n':>4}{'last':>8}{'kept':>8}")
    kinds = np.array([row["kind"] for row in rows])
    alone, with_earlier = right(scores["the last message"], deserves), right(scores[KEPT], deserves)
    for kind in dict.fromkeys(kinds):
        of = kinds == kind
        print(f"{kind:32}{of.sum():4}{alone[of].mean():8.0%}{with_earlier[of].mean():8.0%}")


def chosen_elsewhere(
    here: NDArray[np.bool_],
    lengths: dict[int, NDArray[np.float64]],
    scores: dict[str, NDArray[np.float64]],
    deserves: NDArray[np.bool_],
) -> str:
    """AUC on these conversations of the length that does best on the others, beside the last's."""
    best = max(LENGTHS, key=lambda n: auc(lengths[n][~here], deserves[~here]))
    alone = auc(scores["the last message"][here], deserves[here])
    return (
        f"on {here.sum()}, with the length ({best}) that does best on the others: "
        f"AUC {auc(lengths[best][here], deserves[here]):.3f}, the last message {alone:.3f}"
    )


def auc(scores: NDArray[np.float64], deserves: NDArray[np.bool_]) -> float:
    """Chance that a turn that deserves the strong model has the higher score; a tie is half."""
    strong, weak = scores[deserves][:, None], scores[~deserves][None]
    return float((strong > weak).mean() + (strong == weak).mean() / 2)


def right(scores: NDArray[np.float64], deserves: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each turn goes where it should, at the share of strong calls that is deserved."""
    threshold = np.sort(scores)[-deserves.sum()]
    return np.asarray((scores >= threshold) == deserves, dtype=np.bool_)


def gain(
    scores: NDArray[np.float64], baseline: NDArray[np.float64], deserves: NDArray[np.bool_]
) -> tuple[float, float]:
    """The 95 % interval of the difference in AUC, by a paired bootstrap over conversations."""
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(len(deserves), size=(BOOTSTRAPS, len(deserves)))
    differences = [auc(scores[i], deserves[i]) - auc(baseline[i], deserves[i]) for i in drawn]
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
