"""A command line is shown without its arguments, which may hold passwords."""

from __future__ import annotations

from lifesign.cli.output import program
from support.rows import rows


@rows(
    ("command", "name"),
    [
        (["/usr/bin/python3.11", "/srv/app.py", "--password=secret"], "app.py"),
        (["python", "-W", "ignore", "-u", "app.py", "secret"], "app.py"),
        (["python3", "-m", "orders.service", "secret"], "orders.service"),
        (["python3", "-c", "secret"], "python3"),
        (["python3"], "python3"),
        (["pypy3", "app.py"], "app.py"),
        (["/opt/bin/gunicorn", "--env", "PASSWORD=secret", "app:app"], "gunicorn"),
        (["sh", "-c", "PASSWORD=secret python app.py"], "sh"),
    ],
)
def test_the_name_of_a_program_holds_nothing_secret(command: list[str], name: str) -> None:
    assert program.name(command) == name
    assert program.shown(command) == ([name, "..."] if len(command) > 1 else [name])
