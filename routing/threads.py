"""Environment variables that make a computing process release idle cores and free memory."""

from __future__ import annotations

from collections.abc import Mapping

# Read when the libraries are loaded.
PATIENT = {
    # torch and numpy's BLAS each keep threads that spin once their work is done, on the cores that
    # the other wants next: a decision would take five times as long, ten beside another process.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "1000",  # as long as from one layer of an encoder to the next
    "OPENBLAS_THREAD_TIMEOUT": "4",
    # glibc would keep what a router took to learn. Less than what one layer takes, and every text
    # that is embedded would ask the kernel for memory.
    "MALLOC_MMAP_THRESHOLD_": "4194304",
    "MALLOC_TRIM_THRESHOLD_": "4194304",
}


def patient(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with these variables set, unless it sets them itself."""
    return {**PATIENT, **environment}
