"""Leave one data set out: routers tested on a set that they were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.errors import UsageError
from tui.evaluation.comparison import evidence_fields, interval_text, number_text
from tui.money import counted

if TYPE_CHECKING:
    from routing.battles import Battle
    from routing.evaluation.transfer import ApgrResult, TransferResult
    from routing.routers import Router
    from tui.program import Program
    from tui.progress import Follow

TEACHABLE = ("ridge", "similarity", "factorization")
COLUMNS = ("left out", "router", "battles alone", "z", "and other sets", "z")


@dataclass(frozen=True, slots=True)
class WantedTransfer:
    """Which sets to leave out in turn, and which routers; `rows`: of each set at most."""

    sets: Sequence[str]
    routers: Sequence[str]
    strong: str | None
    weak: str | None
    rows: int
    seed: int


def transfer(program: Program, wanted: WantedTransfer, follow: Follow) -> Iterator[TransferResult]:
    """Each router on each set, as soon as it is measured.

    Raises:
        RoutingError: a set cannot be read, or a router cannot be fitted.
        UsageError: fewer than two sets, or a router that is not taught by transfer.
    """
    from routing.embeddings import SentenceEmbedder
    from routing.evaluation.transfer import leave_one_out
    from routing.index import unique_prompts
    from routing.kept_embedder import KeptEmbedder
    from routing.library import read_sets
    from tui.evaluation.measuring import VECTORS, graded_pair

    routers = _checked(wanted, program)
    sets = [graded_pair(program, name, wanted.strong, wanted.weak) for name in wanted.sets]
    folder = program.paths.router
    battles = [battle for each in read_sets(folder).values() for battle in each]
    embedder = KeptEmbedder(SentenceEmbedder(program.settings.embedder), folder / VECTORS)
    for prompts in (unique_prompts(battles), *(each.evaluation.prompts for each in sets)):
        embedder.keep(prompts, follow("Embedding prompts", len(prompts)))
    tell = follow("Leaving one out", len(sets) * len(routers))
    make = _maker(wanted.seed, embedder)
    for found in leave_one_out(
        sets, battles, routers, make, embedder, most=wanted.rows, seed=wanted.seed
    ):
        tell(1)
        yield found


def _checked(wanted: WantedTransfer, program: Program) -> Sequence[str]:
    if len(set(wanted.sets)) < max(2, len(wanted.sets)):
        raise UsageError(
            f"--set {', --set '.join(wanted.sets)}: expected two different sets at least, each of "
            "which is left out in turn"
        )
    routers = wanted.routers or [program.settings.router]
    for name in routers:
        if name not in TEACHABLE:
            raise UsageError(
                f"--router {name}: it is not taught by transfer",
                hint=f"Those that are: {', '.join(TEACHABLE)}.",
            )
    return routers


def _maker(seed: int, embedder: Any) -> Callable[..., Router]:  # noqa: ANN401  # loaded later
    def make(name: str, pair: tuple[str, str], battles: Sequence[Battle]) -> Router:
        from routing.routers import TRAINED, router_class
        from tui.router_training import WantedTraining, untrained

        if name in TRAINED:
            return untrained(WantedTraining(name, seed=seed), embedder, pair).fit(battles)
        kind: Any = router_class(name)
        router: Router = kind(embedder, *pair).fit(battles)
        return router

    return make


def row(found: TransferResult) -> tuple[str, ...]:
    """The cells under `COLUMNS`."""
    return (
        found.set_name,
        found.router,
        *_cells(found.alone),
        *_cells(found.taught),
    )


def remarks(found: Sequence[TransferResult]) -> list[str]:
    """Remarks on each set, a sentence each."""
    lines = []
    for each in {each.set_name: each for each in found}.values():
        strong, weak = each.pair
        lines.append(
            f"{each.set_name}: {counted(each.prompts, 'prompt')}, strong {strong}, weak {weak}; "
            f"taught by {counted(each.rows, 'row')} of the other sets; "
            f"{counted(each.dropped, 'prompt')} dropped because one of these or a battle holds the "
            "same."
        )
        if unmoved := _unmoved(found, each.set_name):
            lines.append(
                f"{each.set_name}: {', '.join(unmoved)} learnt nothing from the other sets, whose "
                "rows are between other models."
            )
        lines += [f"{each.set_name}: {remark}" for remark in each.evidence.remarks]
    return lines


def _unmoved(found: Sequence[TransferResult], set_name: str) -> list[str]:
    """The routers that rows of other models left as they were on that set."""
    of_set = [each for each in found if each.set_name == set_name]
    others = {each.pair for each in found if each.set_name != set_name}
    if of_set[0].pair in others:
        return []
    return [each.router for each in of_set if each.alone == each.taught]


def as_json(found: TransferResult) -> dict[str, Any]:
    """Everything that was measured."""
    return {
        "set": found.set_name,
        "router": found.router,
        "strong": found.pair[0],
        "weak": found.pair[1],
        "prompts": found.prompts,
        "dropped": found.dropped,
        "rows_of_other_sets": found.rows,
        "battles_alone": _fields(found.alone),
        "and_other_sets": _fields(found.taught),
        "evidence": evidence_fields(found.evidence),
    }


def _cells(reached: ApgrResult) -> tuple[str, str]:
    apgr, z = number_text(reached.apgr), number_text(reached.z, "+.1f")
    return f"{apgr} [{interval_text(reached.interval)}]", z


def _fields(reached: ApgrResult) -> dict[str, Any]:
    return {"apgr": reached.apgr, "apgr_interval": list(reached.interval), "z": reached.z}
