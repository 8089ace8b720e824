import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from routing.regression import SHARED, SMALL, Observed, Ridge, kernel

SHARPNESS, PENALTY = 4.0, 2.0


def observed(count: int, sources: int = 1) -> Observed:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(count, 5)).astype(np.float32)
    return Observed(
        points,
        rng.normal(size=(count, 2)),
        rng.integers(1, 5, count).astype(np.float64),
        np.arange(count) % sources,
    )


def fitted(seen: Observed, landmarks: int | None = None) -> Ridge:
    rows = np.arange(landmarks or len(seen.points))
    return Ridge.fit(seen, rows, sharpness=SHARPNESS, penalty=PENALTY)


@pytest.mark.parametrize("count", [1, 80, SMALL + 1, 3 * SMALL + 5])
def test_with_all_landmarks_it_is_the_independent_implementation(count: int):
    seen = observed(count)
    peer = KernelRidge(kernel="rbf", gamma=SHARPNESS / 2, alpha=PENALTY)
    peer.fit(seen.points.astype(np.float64), seen.values, sample_weight=seen.weights)
    asked = observed(30).points + 0.1
    assert fitted(seen).predict(asked) == pytest.approx(peer.predict(asked), abs=1e-5)


def test_sources_share_a_part_of_what_is_seen():
    seen = observed(60, sources=3)
    alike = np.where(seen.sources[:, None] == seen.sources, 1, SHARED)
    peer = KernelRidge(kernel="precomputed", alpha=PENALTY)
    peer.fit(kernel(seen.points, seen.points, SHARPNESS) * alike, seen.values, seen.weights)
    asked = observed(30).points + 0.1
    expected = kernel(asked, seen.points, SHARPNESS) @ peer.dual_coef_
    assert fitted(seen).predict(asked) == pytest.approx(expected, abs=1e-5)


def test_large_source_does_not_outvote_a_small_one_where_the_small_one_was_seen():
    points = np.zeros((21, 1), dtype=np.float32)
    values = np.array([[1.0]] * 20 + [[-1.0]])
    of_one = Observed(points, values, np.full(21, 5.0), np.zeros(21, dtype=np.int64))
    of_two = of_one._replace(sources=np.repeat([0, 1], [20, 1]))
    here = points[:1]
    assert fitted(of_two).predict(here)[0, 0] < fitted(of_one).predict(here)[0, 0] - 0.4


@pytest.mark.parametrize("sources", [1, 3])
@pytest.mark.parametrize("landmarks", [40, 39])
def test_left_out_is_what_the_others_predict(landmarks: int, sources: int):
    seen = observed(40, sources)
    if landmarks < 40:  # the last point adds nothing that the others have not
        seen.points[-1], seen.sources[-1] = seen.points[0], seen.sources[0]
    found = fitted(seen, landmarks).left_out
    for place in range(len(seen.points)):
        others = np.arange(len(seen.points)) != place
        rest = Observed(*(part[others] for part in seen))
        assert found[place] == pytest.approx(
            fitted(rest).predict(seen.points[[place]])[0], abs=1e-5
        )


def test_few_landmarks_come_near_the_exact_solution():
    seen = observed(300)
    seen = seen._replace(values=np.sin(seen.points[:, :1].astype(np.float64)))
    asked = seen.points[:50]
    exact, cheap = fitted(seen).predict(asked), fitted(seen, 150).predict(asked)
    assert np.corrcoef(exact[:, 0], cheap[:, 0])[0, 1] > 0.95


def test_far_from_everything_it_is_zero():
    far = np.full((1, 5), 100, dtype=np.float32)
    assert fitted(observed(20)).predict(far) == pytest.approx(np.zeros((1, 2)), abs=1e-12)


def test_weight_counts_as_so_many_observations():
    one = observed(10)
    twice = Observed(*(np.concatenate([part, part]) for part in one))
    heavy = one._replace(weights=2 * one.weights)
    asked = one.points + 0.2
    assert fitted(heavy).predict(asked) == pytest.approx(fitted(twice).predict(asked), abs=1e-5)


def test_kernel_falls_with_the_squared_distance():
    points = np.array([[0.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    expected = np.exp(-3 / 2 * np.array([[0, 2], [2, 0]]))
    assert kernel(points, points, 3) == pytest.approx(expected)


def test_no_points_give_no_values():
    assert fitted(observed(5)).predict(np.empty((0, 5), np.float32)).shape == (0, 2)
