"""Threads that compute beside each other on few cores."""

from __future__ import annotations

from collections.abc import Mapping

# torch and numpy's BLAS each keep threads that spin once their work is done, on the cores that the
# other wants next: a decision would take five times as long, ten where another process works too.
# Read when the libraries are loaded.
PATIENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "1000",  # as long as from one layer of the embedder to the next
    "OPENBLAS_THREAD_TIMEOUT": "4",
}


def patient(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process whose threads sleep while idle, unless it says otherwise."""
    return {**PATIENT, **environment}
