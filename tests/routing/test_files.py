"""Files that are replaced whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from routing.files import replace_file

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@POSIX
@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o640)])
def test_only_the_owner_reads_a_private_file(tmp_path: Path, private: bool, mode: int):
    file = tmp_path / "file"
    replace_file(file, b"content", private=private)
    assert file.stat().st_mode & 0o777 == mode


def test_content_that_is_not_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("routing.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
