"""Passages with their shared beginnings stored once, and the rows that read them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audit.scorers.encoding import Passage
from audit.scorers.packing import rows
from audit.scorers.trie import Trie, grow

PASSAGES = st.lists(
    st.lists(st.integers(0, 2), min_size=2, max_size=12).flatmap(
        lambda ids: st.builds(
            Passage, st.just(np.array(ids, dtype=np.int64)), st.integers(1, len(ids) - 1)
        )
    ),
    min_size=1,
    max_size=12,
)


def of(*texts: str) -> list[Passage]:
    """Passages of letters as tokens, the last one scored."""
    return [Passage(np.array([ord(c) for c in text]), scored=1) for text in texts]


def spelled(trie: Trie, node: int) -> list[int]:
    """The tokens from the first of a passage to the node."""
    tokens = []
    while node >= 0:
        tokens.append(int(trie.tokens[node]))
        node = int(trie.parents[node])
    return tokens[::-1]


def test_a_shared_beginning_is_stored_once():
    trie = grow(of("abX", "abY", "acX")).trie
    assert "".join(map(chr, trie.tokens)) == "abXYcX"
    assert trie.parents.tolist() == [-1, 0, 1, 1, 0, 4]
    assert trie.ends.tolist() == [6, 4, 3, 4, 6, 6]
    assert trie.inner.tolist() == [True, True, False, False, True, False]


@given(PASSAGES)
def test_every_passage_can_be_spelled_back(passages: list[Passage]):
    grown = grow(passages)
    for passage, span in zip(passages, grown.spans, strict=True):
        assert len(span) == passage.scored
        assert spelled(grown.trie, int(span[-1])) == passage.tokens.tolist()
    assert len(grown.trie.tokens) == len(
        {tuple(p.tokens[:n]) for p in passages for n in range(1, len(p.tokens) + 1)}
    )


@given(PASSAGES, st.integers(1, 9))
def test_rows_read_each_inner_node_once_after_all_its_ancestors(
    passages: list[Passage], budget: int
):
    trie = grow(passages).trie
    cached: list[int] = []
    read: list[int] = []
    for row in rows(trie, budget):
        assert 0 < len(row.nodes) <= budget
        assert row.past <= len(cached)
        del cached[row.past :]
        for node in row.nodes:
            assert trie.parents[node] in {*row.nodes, cached[-1] if cached else -1, -1}
        assert trie.depths[row.nodes[0]] == row.past
        cached += row.nodes.tolist()
        read += row.nodes.tolist()
    assert sorted(read) == np.flatnonzero(trie.inner).tolist()


def test_what_was_asked_first_is_read_first():
    trie = grow(of("zzzzX", "aaaaX", "mmmmX")).trie
    assert [chr(trie.tokens[row.nodes[0]]) for row in rows(trie, 4)] == ["z", "a", "m"]
