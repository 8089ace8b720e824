"""What arrays of numbers are called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # embeddings, and what is computed of them row by row
Halves = NDArray[np.float16]  # embeddings kept in bulk
Doubles = NDArray[np.float64]  # statistics and probabilities
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
