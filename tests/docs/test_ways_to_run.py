"""Each recipe of docs/ways-to-run.md is held by an end-to-end test, and its command is one that this test runs."""

from __future__ import annotations

import re
import runpy
import shlex
from typing import Any

import pytest

from support.paths import DOCS, TESTS

PAGE = (DOCS / "ways-to-run.md").read_text()
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
APPS = "apps/table.py"
# A row of the table of programs, or a test.
HELD: dict[str, list[tuple[str, str]]] = {
    "lifesign run": [("commands/test_run.py", "")],
    "PYTHONPATH": [("boot/test_injection.py", "an_unmodified_program_is_watched")],
    "Installed": [("boot/test_installed.py", "installed_it_watches_and_uninstalled_it_leaves_nothing")],
    "Attach": [("attach/test_attach.py", "it_comes_and_goes_without_a_trace")],
    "systemd": [("commands/test_systemd.py", "ready_alive_and_no_longer")],
    "supervisord": [
        (APPS, "supervisord"),
        ("ends/test_parents.py", "who_is_stopped_by_supervisord_has_stopped_but_for_a_kill"),
    ],
    "docker compose": [("pods/test_compose.py", "the_services_of_the_page_are_watched_and_stop_as_asked")],
    "uvicorn --reload": [(APPS, "uvicorn reload")],
    "uvicorn --workers": [
        (APPS, "uvicorn workers"),
        ("ends/test_parents.py", "a_frozen_worker_that_uvicorn_kills_was_frozen"),
    ],
    "gunicorn": [
        (APPS, "gunicorn uvicorn"),
        (APPS, "gunicorn preload"),
        ("ends/test_parents.py", "a_worker_that_gunicorn_gives_up_was_killed_while_it_was_blocked"),
        ("ends/test_reloads.py", "gunicorns_upgrade_leaves_the_new_one_watched"),
    ],
    "multiprocessing": [(APPS, "pool spawn"), (APPS, "pool fork"), (APPS, "pool forkserver"), (APPS, "executor")],
    "exec of itself": [("ends/test_families.py", "each_end_is_reported_once_and_for_what_it_is")],
    "Daemons": [("commands/test_left_behind.py", "the_sidecar_stays_with_a_daemon_and_ends_with_it")],
    "Celery": [(APPS, "celery"), ("ends/test_parents.py", "a_child_of_celery_that_has_done_its_tasks_has_not_died")],
    "arq": [(APPS, "arq")],
    "taskiq": [(APPS, "taskiq")],
    "faststream": [(APPS, "faststream")],
    "dramatiq": [(APPS, "dramatiq")],
    "Jupyter kernels": [(APPS, "jupyter kernel"), (APPS, "jupyter client")],
    "pytest": [(APPS, "pytest-asyncio"), (APPS, "pytest-xdist")],
}
NO_COMMAND = {"multiprocessing"}  # of its own


@pytest.fixture(scope="module")
def programs() -> dict[str, Any]:
    return dict(runpy.run_path(str(TESTS / "e2e" / APPS))["PROGRAMS"])


def test_every_recipe_has_a_test() -> None:
    assert set(SECTIONS) == set(HELD)
    for heading, section in SECTIONS.items():
        assert "```" in section or "](" in section, heading


def test_every_test_is_there(programs: dict[str, Any]) -> None:
    for path, name in {one for held in HELD.values() for one in held}:
        found = name in programs if path == APPS else f"def test_{name}" in (TESTS / "e2e" / path).read_text()
        assert found, (path, name)


def test_a_command_is_as_a_test_runs_it(programs: dict[str, Any]) -> None:
    for heading, held in HELD.items():
        run = [programs[name].command.replace("python -m ", "") for path, name in held if path == APPS]
        written = re.findall(r"^lifesign run -- ([^#\n]+)", SECTIONS[heading], re.MULTILINE)
        for command in written if run and heading not in NO_COMMAND else ():
            program, *words = shlex.split(command)
            assert any(
                shlex.split(one)[0] == program and {word for word in words if word[0] == "-"} <= {*shlex.split(one)}
                for one in run
            ), command
