"""Lines that survive whatever ends a run."""

import errno
import stat
from pathlib import Path

import pytest

from routing.errors import DataError
from routing.journal import Journal


class Notes(Journal):
    trouble = DataError

    def __init__(self, path: Path, head: bytes = b"notes") -> None:
        super().__init__(path, head, "somebody else takes notes")
        self.lines: list[bytes] = []

    def _check(self, head: bytes) -> None:
        if head != self._head:
            raise DataError(f"{self.path} holds {head.decode()}")

    def _take(self, line: bytes) -> None:
        self.lines.append(line)

    def note(self, line: bytes) -> None:
        self._append(line)


class OnFullDisk(Notes):
    def _write(self, line: bytes) -> None:
        if line != self._head:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(line)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "notes.txt"


def test_lines_are_there_the_next_time_and_for_the_owner_alone(path: Path):
    with Notes(path) as notes:
        notes.note(b"one")
        assert path.read_bytes() == b"notes\none\n"
    with Notes(path) as notes:
        notes.note(b"two")
    with Notes(path) as notes:
        assert notes.lines == [b"one", b"two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_file_without_a_line_is_taken_away_again(path: Path):
    with Notes(path, b"recipes"):
        assert path.read_bytes() == b"recipes\n"
    assert not path.exists()
    with Notes(path) as notes:
        notes.note(b"one")
    assert path.read_bytes() == b"notes\none\n"


def test_line_that_was_cut_short_stands_alone(path: Path):
    path.parent.mkdir()
    path.write_bytes(b"notes\none\ntw")
    with Notes(path) as notes:
        notes.note(b"three")
    assert path.read_bytes() == b"notes\none\ntw\nthree\n"


def test_another_program_is_told_and_gets_in_when_the_first_is_done(path: Path):
    with Notes(path), pytest.raises(DataError, match="somebody else"), Notes(path):
        pass
    with Notes(path):
        pass


def test_file_of_something_else_is_left_alone_and_unlocked(path: Path):
    with Notes(path, b"recipes") as recipes:
        recipes.note(b"soup")
    with pytest.raises(DataError, match="holds recipes"), Notes(path):
        pass
    with Notes(path, b"recipes"):
        pass
    assert path.read_bytes() == b"recipes\nsoup\n"


def test_full_disk_is_told_with_what_to_do(path: Path):
    with OnFullDisk(path) as notes, pytest.raises(DataError, match="No space left") as told:
        notes.note(b"one")
    assert "to continue" in told.value.hint


def test_folder_that_cannot_be_made_is_told(path: Path):
    path.parent.write_text("a file")
    with pytest.raises(DataError, match="cannot be written"), Notes(path):
        pass


def test_nothing_is_written_outside_a_with_statement(path: Path):
    with pytest.raises(ValueError, match="with statement"):
        Notes(path).note(b"one")
