import numpy as np
import pytest

from routing.surface import COUNTS, FARTHEST, Space, surface


def test_no_prompts_have_no_counts():
    assert surface([]).shape == (0, COUNTS)


@pytest.mark.parametrize("prompt", ["", " \n", "?", "\x00\ud800", "你好。", "x" * 1_000_000])
def test_any_text_has_finite_counts(prompt: str):
    found = surface([prompt])
    assert found.shape == (1, COUNTS)
    assert np.isfinite(found).all()


def test_longer_sum_counts_for_more():
    short, long = surface(
        [
            "Ann has 3 apples. She eats one. How many are left?",
            3 * "Ann has 12.5 apples, half red. ",
        ]
    )
    assert long[0] > short[0]  # characters
    assert long[2] > short[2]  # numbers
    assert short[4] > long[4]  # question marks


def test_options_are_counted_as_items():
    plain, listed = surface(["Which is it?", "Which is it?\nA. red\nB. green\nC. dark blue"])
    assert plain[11] == pytest.approx(np.log1p(1))
    assert listed[11] == pytest.approx(np.log1p(3))


def test_points_lie_beside_the_vectors_at_the_wanted_scale():
    counts = np.random.default_rng(0).normal(5, 2, size=(500, COUNTS))
    vectors = np.ones((500, 3), dtype=np.float32)
    points = Space.of(counts, 0.5).points(vectors, counts)
    assert points.shape == (500, 3 + COUNTS)
    assert (points[:, :3] == 1).all()
    assert np.square(points[:, 3:]).sum(axis=1).mean() == pytest.approx(0.25, rel=0.05)


def test_a_count_far_out_says_no_more_than_one_at_the_edge():
    space = Space.of(np.random.default_rng(0).normal(size=(100, COUNTS)), 1.0)
    far = space.points(np.zeros((1, 2), np.float32), np.full((1, COUNTS), 1e9))
    assert far[0, 2:] == pytest.approx(FARTHEST / COUNTS**0.5)


def test_a_count_that_never_varies_says_nothing():
    space = Space.of(np.full((10, COUNTS), 7.0), 1.0)
    same = space.points(np.zeros((1, 2), np.float32), np.full((1, COUNTS), 7.0))
    assert (same == 0).all()
