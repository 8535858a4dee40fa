"""What looks like a secret leaves no process; what only looks a little like one stays readable."""

from __future__ import annotations

from lifesign.redact import redacted, redacted_arguments
from support.rows import rows


@rows(
    ("text", "shown"),
    [
        ("no route to postgres://shop:hunter2@db:5432/x", "no route to postgres://***@db:5432/x"),
        ("amqp://:hunter2@mq", "amqp://***@mq"),
        ("redis://u:p@ss@host/0", "redis://***@host/0"),
        ("host=db user=shop password=hunter2 port=1", "host=db user=shop password=*** port=1"),
        ("{'password': 'hunter2', 'a': 1}", "{'password': ***, 'a': 1}"),
        ('{"api_key":"abc","b":2}', '{"api_key":***,"b":2}'),
        ("DB_PASSWORD = 'it\\'s'", "DB_PASSWORD = ***"),
        ("password='cut off in the midd", "password=***"),
        ("GET /x?token=abc&y=1", "GET /x?token=***&y=1"),
        ("https://s3/x?X-Amz-Signature=0af1&z", "https://s3/x?X-Amz-Signature=***&z"),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Authorization: Bearer ***"),
        ("https://u:p@h/?secret_key=k, token=t", "https://***@h/?secret_key=***, token=***"),
        ("Token=" + "a" * 100, "Token=***"),
        ("password=password=hunter2", "password=***"),
    ],
)
def test_a_secret_is_left_out(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert redacted(f"({text}") == f"({shown}"


@rows(
    "text",
    [
        "Unexpected token: } at 3",
        "token = next(tokens)",
        "author=me, monkey=1",
        "Basic authentication failed",
        "see http://host/path?mail=a@b",
        "the password of user shop is wrong",
        "\u0130 key=1",
        "",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_arguments_of_a_command() -> None:
    given = ["app", "--password", "hunter2", "--db-token=abc", "--url", "redis://:x@h", "--secret", "-v", "-p", "1"]
    shown = ["app", "--password", "***", "--db-token=***", "--url", "redis://***@h", "--secret", "-v", "-p", "1"]
    assert redacted_arguments(given) == shown
