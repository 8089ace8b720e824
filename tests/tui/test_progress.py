import pytest

from tui.progress import bars, duration, follower


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3700, "1 h 02 min")]
)
def test_duration_is_as_fine_as_it_is_short(seconds: float, words: str):
    assert duration(seconds) == words


def test_nothing_is_drawn_where_nobody_watches(capfd: pytest.CaptureFixture[str]):
    with bars() as shown:
        follower(shown)("Embedding", 3)(2)
    assert capfd.readouterr() == ("", "")
    assert [(task.description, task.completed) for task in shown.tasks] == [("Embedding", 2)]
