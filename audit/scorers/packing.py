"""Cuts a Trie into rows that fit a token budget, and runs them through a model."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.scorers.trie import Nodes, Trie

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedModel

LOGIT_ROWS = 256  # rows of float32 log-probabilities held at once


class PassResult(NamedTuple):
    """What one forward pass gave: nats of each of these nodes after all that stands before it."""

    nodes: Nodes
    nats: NDArray[np.float64]
    read: int


@dataclass(frozen=True, slots=True)
class Row:
    """Nodes that go through the model in one pass.

    Attributes:
        past: how many tokens before them are in the cache, all of them ancestors of every node.
        nodes: ascending, so in preorder.
    """

    past: int
    nodes: Nodes


def rows(trie: Trie, budget: int) -> Iterator[Row]:
    """Rows of at most `budget` tokens that together read every inner node once.

    A subtree within the budget shares a row with others below the same node. A larger one is
    entered: the chain at its top becomes a row of its own whose keys and values stay cached while
    all that hangs below it is run. What was asked first comes first, as far as that allows.
    """
    sizes = np.concatenate([[0], np.cumsum(trie.inner)])
    forks = np.flatnonzero(trie.ends != np.append(trie.ends[1:], -1))

    def below(start: int, stop: int, past: int) -> Iterator[Row]:
        group: list[Nodes] = []
        filled = 0
        for child in _children(trie, start, stop):
            end = int(trie.ends[child])
            size = int(sizes[end] - sizes[child])
            if size > budget:
                last = int(forks[np.searchsorted(forks, child)])
                chain = _inner(trie, child, last + 1)
                for offset in range(0, len(chain), budget):
                    yield Row(past + offset, chain[offset : offset + budget])
                yield from below(last + 1, end, past + len(chain))
                continue
            if filled + size > budget:
                yield Row(past, np.sort(np.concatenate(group)))
                group, filled = [], 0
            group.append(_inner(trie, child, end))
            filled += size
        if group:
            yield Row(past, np.sort(np.concatenate(group)))

    yield from below(0, len(trie.tokens), 0)


def packed(model: PreTrainedModel, trie: Trie, budget: int) -> Iterator[PassResult]:
    """Nats of all targets, each node read once, several passages to a row.

    The model must honour a 4-D attention mask, position ids and a cache of keys and values.
    """
    from transformers import DynamicCache

    parents = trie.parents[trie.targets]
    cache = DynamicCache()
    for row in rows(trie, budget):
        if surplus := cache.get_seq_length() - row.past:
            cache.crop(-surplus)
        place = np.searchsorted(row.nodes, parents).clip(max=len(row.nodes) - 1)
        here = row.nodes[place] == parents
        wanted, index = np.unique(place[here], return_inverse=True)
        nodes = trie.targets[here]
        # Logits get no name here, which would keep them while the next row is run.
        nats = _nats(_run_row(model, trie, row, cache, wanted), index, trie.tokens[nodes])
        yield PassResult(nodes, nats, len(row.nodes))


def plain(model: PreTrainedModel, trie: Trie, budget: int) -> Iterator[PassResult]:
    """Nats of all targets by ordinary passes over whole passages, as any causal model takes them.

    Only passages of one length share a batch, so that no padding can reach a model that keeps a
    state or counts its positions itself.
    """
    leaves = _last_inner(trie)
    parents = trie.parents[trie.targets]
    owners = np.searchsorted(leaves, parents)  # the leaf's own path holds the parent: preorder
    lengths = trie.depths[leaves] + 1
    for length in np.unique(lengths):
        group = np.flatnonzero(lengths == length)
        size = max(1, budget // int(length))
        for start in range(0, len(group), size):
            members = group[start : start + size]
            here = np.isin(owners, members)
            columns = trie.depths[parents[here]]
            wanted, column = np.unique(columns, return_inverse=True)
            logits = _run_batch(model, trie.tokens[_paths(trie, leaves[members])], wanted)
            index = np.searchsorted(members, owners[here]) * len(wanted) + column
            nodes = trie.targets[here]
            nats = _nats(logits, index, trie.tokens[nodes])
            yield PassResult(nodes, nats, len(members) * int(length))


def _children(trie: Trie, start: int, stop: int) -> list[int]:
    """The roots of the subtrees in a range that the model must read, in the order asked for."""
    roots = []
    node = start
    while node < stop:
        if trie.inner[node]:
            roots.append(node)
        node = int(trie.ends[node])
    return sorted(roots, key=lambda root: int(trie.firsts[root : trie.ends[root]].min()))


def _inner(trie: Trie, start: int, stop: int) -> Nodes:
    return start + np.flatnonzero(trie.inner[start:stop])


def _last_inner(trie: Trie) -> Nodes:
    """Inner nodes with no inner node below them, ascending."""
    inner = np.flatnonzero(trie.inner)
    return inner[np.append(inner[1:], len(trie.ends)) >= trie.ends[inner]]


def _paths(trie: Trie, leaves: Nodes) -> Nodes:
    """The nodes from the first token to each leaf, all of one depth. Shape (leaves, depth + 1)."""
    path = [leaves]
    for _ in range(int(trie.depths[leaves[0]])):
        path.append(trie.parents[path[-1]])
    return np.stack(path[::-1], axis=1)


def _run_row(
    model: PreTrainedModel, trie: Trie, row: Row, cache: Cache, wanted: Nodes
) -> torch.Tensor:
    """Logits at the wanted places of a row, shape (wanted, vocab); the cache grows by the row."""
    import torch

    device = model.device
    ends = torch.from_numpy(np.searchsorted(row.nodes, trie.ends[row.nodes])).to(device)
    place = torch.arange(len(ends), device=device)
    # In preorder, i sees j exactly if j <= i and i lies in j's subtree.
    unseen = (place[:, None] < place) | (place[:, None] >= ends)  # (t, t)
    mask = torch.zeros(len(ends), row.past + len(ends), dtype=model.dtype, device=device)
    mask[:, row.past :].masked_fill_(unseen, torch.finfo(model.dtype).min)
    keep = wanted if len(wanted) else np.zeros(1, dtype=np.int64)  # some models fail on zero rows
    with torch.inference_mode():
        logits: torch.Tensor = model(
            input_ids=torch.from_numpy(trie.tokens[row.nodes])[None].to(device),
            attention_mask=mask[None, None],
            position_ids=torch.from_numpy(trie.depths[row.nodes])[None].to(device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=torch.from_numpy(keep).to(device),
        ).logits[0]
    return logits


def _run_batch(model: PreTrainedModel, tokens: Nodes, wanted: Nodes) -> torch.Tensor:
    """Logits at the wanted columns of a batch, shape (batch * wanted, vocab)."""
    import torch

    ids = torch.from_numpy(tokens).to(model.device)
    columns = torch.from_numpy(wanted).to(model.device)
    logits: torch.Tensor
    with torch.inference_mode():
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            logits = model(input_ids=ids, use_cache=False, logits_to_keep=columns).logits
        else:
            logits = model(input_ids=ids, use_cache=False).logits[:, columns]
    return logits.flatten(0, 1)


def _nats(logits: torch.Tensor, index: Nodes, tokens: Nodes) -> NDArray[np.float64]:
    """Nats of each token in its row of the logits, in float32 whatever the model's dtype."""
    import torch

    rows_of = torch.from_numpy(index).to(logits.device)
    columns = torch.from_numpy(tokens).to(logits.device)
    with torch.inference_mode():
        sums = [part.float().logsumexp(-1) for part in torch.split(logits, LOGIT_ROWS)]
        nats = logits[rows_of, columns].float() - torch.cat(sums)[rows_of]
    return nats.cpu().numpy().astype(np.float64)
