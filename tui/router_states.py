"""Which routers there are: trained or not, in use or not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from routing.checkpoints import checkpoint_folder, read_manifest
from routing.errors import RouterError, RoutingError
from routing.routers import ROUTERS, SUMMARIES, TRAINED
from tui.errors import UsageError
from tui.money import counted

if TYPE_CHECKING:
    from routing.checkpoints import Manifest
    from tui.program import Program

SHOWN_MODELS = 6


@dataclass(frozen=True, slots=True)
class State:
    """A router as it is for this user. `held_out_loss`: nats; None where it learnt no weights."""

    router: str
    in_use: bool
    state: str
    battles: int | None = None
    held_out_loss: float | None = None

    def row(self) -> tuple[str, ...]:
        """The cells of its line."""
        return (
            "*" if self.in_use else " ",
            self.router,
            self.state,
            "" if self.battles is None else f"{self.battles:,}",
            "" if self.held_out_loss is None else f"{self.held_out_loss:.4f}",
        )

    def as_dict(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)


def states(program: Program) -> list[State]:
    """Every router, in the order of the registry."""
    return [_state(program, name) for name in ROUTERS]


def check_usable(program: Program, name: str) -> None:
    """Refuse a router that could not decide.

    Raises:
        UsageError: there is no such router.
        RouterError: it is not trained, or was with another embedder.
        DataError: its checkpoint is damaged.
    """
    check_known(name)
    if name not in TRAINED:
        return
    manifest = _manifest(program, name)
    embedder = embedder_name(program)
    if manifest.embedder not in {"", embedder}:
        raise RouterError(
            f"the {name} router was trained on vectors of {manifest.embedder}, "
            f"the embedder in use is {embedder}",
            hint=f"Train it again: llmroute router train {name}",
        )


def strangers(program: Program, name: str) -> str:
    """A warning if a trained router learnt nothing about some models of the pool; else ""."""
    if name not in TRAINED:
        return ""
    manifest = _manifest(program, name)
    known = {*manifest.models, *manifest.strong, *manifest.weak}
    unknown = [model for model in program.settings.pool_names if model not in known]
    if not unknown:
        return ""
    return (
        f"{name} learnt nothing of {', '.join(unknown)}: {_some(manifest.strong)} and "
        f"{_some(manifest.weak)} stand in. Battles of your own models would teach it "
        "(llmroute battles judge, then router train)."
    )


def check_known(name: str) -> None:
    """Check that a router of that name exists.

    Raises:
        UsageError: there is no such router.
    """
    if name not in ROUTERS:
        raise UsageError(f"No router is named {name!r}.", hint=f"There are: {', '.join(ROUTERS)}.")


def facts(program: Program, name: str) -> dict[str, str]:
    """A router's facts, by name.

    Raises:
        UsageError: there is no such router.
        RouterError: it is not trained.
        DataError: its manifest is damaged.
    """
    check_known(name)
    found = {
        "what it is": SUMMARIES[name],
        "in use": "yes" if name == program.settings.router else "no",
    }
    if name in TRAINED:
        found |= _trained_facts(program, name)
    elif name != "chance":
        found["learns from"] = _sets(program)
    if unknown := strangers(program, name):
        found["mind"] = unknown
    return found


def _trained_facts(program: Program, name: str) -> dict[str, str]:
    manifest = _manifest(program, name)
    known = {
        "reads": f"vectors of {manifest.embedder}" if manifest.embedder else "the text itself",
        "trained from": manifest.base or "scratch",
        "battles": f"{manifest.battles:,}, sha256 {manifest.digest[:12]}…",
        "models": _some(manifest.models),
        "strong seat": _some(manifest.strong),
        "weak seat": _some(manifest.weak),
        "held-out loss": f"{manifest.held_out_loss:.4f} nats",
        "steps": f"{manifest.steps:,} ({manifest.epochs:.1f} passes), seed {manifest.seed}",
        "made": f"{manifest.created} by {manifest.created_by}",
        "kept in": str(checkpoint_folder(program.paths.router, name)),
    }
    return known


def _sets(program: Program) -> str:
    from routing.library import read_sets

    sets = read_sets(program.paths.router)
    return ", ".join(
        f"{counted(len(battles), 'battle')} of {name}" for name, battles in sets.items()
    )


def _some(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN_MODELS} more" if len(names) > SHOWN_MODELS else ""
    return ", ".join(names[:SHOWN_MODELS]) + more


def _state(program: Program, name: str) -> State:
    in_use = name == program.settings.router
    if name not in TRAINED:
        return State(name, in_use, "needs no training")
    try:
        manifest = _manifest(program, name)
    except RouterError:
        return State(name, in_use, "not trained")
    except RoutingError:
        return State(name, in_use, "damaged")
    trained = f"trained {manifest.created[:10]}"
    if manifest.embedder not in {"", embedder_name(program)}:
        trained = "of another embedder"
    return State(name, in_use, trained, manifest.battles, manifest.held_out_loss)


def _manifest(program: Program, name: str) -> Manifest:
    return read_manifest(checkpoint_folder(program.paths.router, name), name)


def embedder_name(program: Program) -> str:
    """The name of the embedder in use, as checkpoints know it."""
    from routing.embeddings import SentenceEmbedder

    return SentenceEmbedder(program.settings.embedder).name
