"""Passages that begin alike, each shared beginning stored once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audit.scorers.encoding import Passage

Nodes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trie:
    """A forest with one node for each token in its context, numbered in preorder.

    The subtree of node j is j .. ends[j] - 1. All arrays but the last have shape (nodes,).

    Attributes:
        tokens: the token.
        depths: its place in its passage.
        parents: the token before it; -1 for the first of a passage.
        ends: one past the last node of its subtree.
        firsts: the earliest passage that ends in the node; the number of passages if none does.
        inner: whether a token follows; only these must the model read.
        targets: every node that some passage scores, ascending.
    """

    tokens: Nodes
    depths: Nodes
    parents: Nodes
    ends: Nodes
    firsts: Nodes
    inner: NDArray[np.bool_]
    targets: Nodes


@dataclass(frozen=True, slots=True)
class Grown:
    """A Trie, and for each passage the nodes of its scored tokens in order."""

    trie: Trie
    spans: tuple[Nodes, ...]


def grow(passages: Sequence[Passage]) -> Grown:
    """The Trie of at least one passage."""
    order = sorted(range(len(passages)), key=lambda i: _sort_key(passages[i]))
    # path[d + 1] is the node at depth d of the passage in hand; path[0] stands for no node.
    path = np.full(1 + max(len(passage.tokens) for passage in passages), -1, dtype=np.int64)
    tokens, depths, parents, closed, counts = [], [], [], [], []
    spans = [path[:0]] * len(passages)
    tips = np.empty(len(passages), dtype=np.int64)
    count, before = 0, passages[order[0]].tokens[:0]
    for i in order:
        ids = passages[i].tokens
        shared, length = _shared(before, ids), len(ids)
        closed.append(path[shared + 1 : len(before) + 1].copy())
        counts.append(count)
        path[shared + 1 : length + 1] = np.arange(count, count + length - shared)
        tokens.append(ids[shared:])
        depths.append(np.arange(shared, length))
        parents.append(path[shared:length].copy())
        spans[i] = path[length + 1 - passages[i].scored : length + 1].copy()
        tips[i] = path[length]
        count, before = count + length - shared, ids
    closed.append(path[1 : len(before) + 1])
    counts.append(count)
    ends = np.empty(count, dtype=np.int64)
    ends[np.concatenate(closed)] = np.repeat(counts, [len(nodes) for nodes in closed])
    firsts = np.full(count, len(passages), dtype=np.int64)
    np.minimum.at(firsts, tips, np.arange(len(passages)))
    trie = Trie(
        tokens=np.concatenate(tokens),
        depths=np.concatenate(depths),
        parents=np.concatenate(parents),
        ends=ends,
        firsts=firsts,
        inner=ends > np.arange(count) + 1,
        targets=np.unique(np.concatenate(spans)),
    )
    return Grown(trie, tuple(spans))


def _sort_key(passage: Passage) -> bytes:
    """Bytes that sort as the tokens do."""
    return passage.tokens.astype(">u4").tobytes()


def _shared(one: Nodes, other: Nodes) -> int:
    """How many tokens the two begin with alike."""
    length = min(len(one), len(other))
    unlike = np.flatnonzero(one[:length] != other[:length])
    return int(unlike[0]) if len(unlike) else length
