"""Holding a folder alone: a second run of the same unit waits for the orphan of a killed one."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from pathlib import Path

import pytest

from wbir.files import alone_in, folder_written_whole


def test_a_second_holder_waits_and_finds_the_folder_anew(tmp_path: Path) -> None:
    folder, order = tmp_path / "a" / "kept", []
    inside, leave = threading.Event(), threading.Event()

    def orphan() -> None:
        with alone_in(folder):
            (folder / "case.json").write_text("{}")
            inside.set()
            leave.wait(10)
            order.append("orphan done")
            shutil.rmtree(folder)

    def rerun() -> None:
        with alone_in(folder):
            order.append(f"rerun with {sorted(path.name for path in folder.iterdir())}")

    threads = [threading.Thread(target=orphan), threading.Thread(target=rerun)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert order == [] and threads[1].is_alive()
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["orphan done", "rerun with []"]


def test_a_holder_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), alone_in(tmp_path / "kept"):
        (tmp_path / "nowhere").read_text()
    with alone_in(tmp_path / "kept"):
        assert (tmp_path / "kept").is_dir()


def test_a_file_system_without_locks_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with alone_in(tmp_path / "kept"):
        assert (tmp_path / "kept").is_dir()


def test_what_a_killed_process_left_of_a_folder_is_removed_with_the_next_one(tmp_path: Path) -> None:
    """A kill in the midst of writing, with a target that stands already and is replaced."""
    for content in ("first", "second"):
        child = os.fork()
        if child == 0:
            with folder_written_whole(tmp_path / "cohort") as folder:
                (folder / "half").write_text("a big file")
                os._exit(1)
        os.waitpid(child, 0)
        assert [path.name for path in tmp_path.iterdir() if path.name != "cohort"] == [".cohort.writing"]
        with folder_written_whole(tmp_path / "cohort") as folder:
            (folder / "whole").write_text(content)
        assert [path.name for path in tmp_path.iterdir()] == ["cohort"]
        assert [path.name for path in (tmp_path / "cohort").iterdir()] == ["whole"]
    assert (tmp_path / "cohort" / "whole").read_text() == "second"
