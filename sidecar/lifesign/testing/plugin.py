"""The pytest plugin: options, marker and fixture. The rest is loaded where a test asks for it.

pytest imports this at each of its starts, so it imports nothing else.
"""

from __future__ import annotations

import pytest

from lifesign.testing.words import FIXTURE, MARKER

TYPE_CHECKING = False  # as typing.TYPE_CHECKING
if TYPE_CHECKING:
    from lifesign.testing.lifesigns import LifeSigns

WATCHED = "lifesign-watched-tests"
_MARKER_HELP = (
    "lifesign(*, max_block_ms=100, leaks=True, deadlocks=True): fail the test if it blocks an event loop for as long, "
    "leaves tasks behind, or deadlocks"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lifesign", "proof of life for asyncio")
    group.addoption("--lifesign", action="store_true", help="mark every test with `lifesign` that has no such mark")
    group.addoption(
        "--lifesign-max-block-ms",
        type=float,
        default=100.0,
        metavar="MS",
        help="for how long a marked test may block an event loop, where its mark does not say; default 100",
    )
    group.addoption(
        "--lifesign-boot",
        metavar="CMD",
        help="boot the service as the first test, whatever -k and -m select: a command, or options of "
        "`lifesign smoke`, -- and a command",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER_HELP)
    boot = config.getoption("--lifesign-boot")
    if boot:
        from lifesign.testing.boot import BootFirst

        config.pluginmanager.register(BootFirst(boot))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    marked = []
    if config.getoption("--lifesign"):
        marked = [item for item in items if item.get_closest_marker(MARKER) is None]
        for item in marked:
            item.add_marker(MARKER)
    wanted = [item for item in items if item.get_closest_marker(MARKER) or FIXTURE in getattr(item, "fixturenames", ())]
    if wanted and not config.pluginmanager.has_plugin(WATCHED):
        from lifesign.testing.watched import WatchedTests

        plugin = WatchedTests(config.getoption("--lifesign-max-block-ms"), marked)
        for item in wanted:
            plugin.limits_of(item)  # a mark that cannot be understood is an error before anything runs
        config.pluginmanager.register(plugin, WATCHED)


@pytest.fixture
def lifesigns(request: pytest.FixtureRequest) -> LifeSigns:
    """What the test makes lifesign record; see `lifesign.testing.LifeSigns`."""
    from lifesign.testing.watched import WatchedTests

    plugin = request.config.pluginmanager.get_plugin(WATCHED)
    if plugin is None:  # asked for by `getfixturevalue`, which nobody sees coming
        plugin = WatchedTests(request.config.getoption("--lifesign-max-block-ms"))
        request.config.pluginmanager.register(plugin, WATCHED)
    signs: LifeSigns = plugin.signs_of(request)
    return signs
