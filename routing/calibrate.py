"""The threshold that sends a wanted share of prompts to the strong model.

A win probability means nothing by itself: routers spread theirs differently. So a user names a
share of strong calls, and a sample of prompts says which threshold that is.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routing.errors import DataError
from routing.files import replace_file

EVERYTHING = 0.0
NOTHING = math.nextafter(1.0, 2.0)
# Tolerance, so that a share of k / n selects k prompts however k / n is rounded.
SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Calibration:
    """Win probabilities of a sample of prompts, sorted."""

    probabilities: NDArray[np.float64]

    @classmethod
    def from_probabilities(cls, probabilities: ArrayLike) -> Self:
        """The calibration of a sample in any order.

        Raises:
            ValueError: the sample is empty, or a number is no probability.
        """
        ordered = np.sort(np.asarray(probabilities, dtype=np.float64).ravel())
        if not len(ordered):
            raise ValueError("a calibration needs at least one win probability")
        if not (ordered[0] >= 0 and ordered[-1] <= 1):  # false for NaN too, which sorts last
            raise ValueError(f"win probabilities lie in [0, 1], not {ordered[0]} to {ordered[-1]}")
        return cls(ordered)

    def threshold(self, share: float) -> float:
        """The lowest threshold that sends at most that share of the sample to the strong model.

        It is the (1 - share) quantile of the win probabilities, taken so that prompts tied at the
        boundary all stay with the weak model. Share 0 is above every probability, share 1 below.

        Raises:
            ValueError: the share is not in [0, 1].
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share lies in [0, 1], not {share}")
        if share in (0, 1):
            return EVERYTHING if share else NOTHING
        strong = math.floor(share * len(self.probabilities) + SLACK)
        strongest_weak = self.probabilities[len(self.probabilities) - strong - 1]
        return math.nextafter(float(strongest_weak), 2.0)

    def share(self, threshold: float) -> float:
        """Fraction of the sample that goes to the strong model at that threshold.

        For a prompt's win probability: the share from which on that prompt does.
        """
        weak = int(np.searchsorted(self.probabilities, threshold, side="left"))
        return 1 - weak / len(self.probabilities)

    def margin(self, share: float) -> float:
        """How far the share may deviate on other prompts of the same kind, in [0, 1].

        Half the width of a 95 % interval, from the size of the sample alone.
        """
        return 1.96 * math.sqrt(share * (1 - share) / len(self.probabilities))

    def save(self, path: Path) -> None:
        """Keep the sample as JSON.

        Raises:
            OSError: the file cannot be written; what was there is still there.
        """
        replace_file(path, json.dumps({"win_probabilities": self.probabilities.tolist()}).encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """The calibration that was kept.

        Raises:
            DataError: there is none, or it cannot be read.
        """
        try:
            return cls.from_probabilities(json.loads(path.read_bytes())["win_probabilities"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: no calibration; expected JSON with win_probabilities in [0, 1]",
                hint="llmroute router calibrate writes a new one.",
                detail=str(error),
            ) from error
