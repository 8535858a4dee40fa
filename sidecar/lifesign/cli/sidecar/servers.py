"""The page and the health endpoints, where they are asked for."""

from __future__ import annotations

from typing import Callable

from lifesign.errors import SettingError
from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board
from lifesign.serve.endpoints import health_app
from lifesign.serve.health import SidecarHealth
from lifesign.serve.page import page_app
from lifesign.serve.server import Server
from lifesign.settings import BY_NAME, Settings

PAGE_ADDRESS = ("127.0.0.1", 7317)


async def serve(
    settings: Settings,
    board: Board,
    actions: Actions,
    lookups: Lookups,
    health: Callable[[], SidecarHealth],
    *,
    with_page: bool,
) -> dict[str, Server]:
    """Starts what the settings name, and the page in any case `with_page`.

    Raises:
        SettingError: an address that was asked for cannot be listened on.
    """
    servers: dict[str, Server] = {}
    if settings.page_addr is not None or with_page:
        servers["page"] = await _page(settings, board, actions, lookups)
    if settings.health_addr is not None:
        servers["health"] = Server(
            health_app(board, health), settings.health_addr, setting=_named(settings, "health_addr")
        )
        await servers["health"].start()
    return servers


async def _page(settings: Settings, board: Board, actions: Actions, lookups: Lookups) -> Server:
    asked, setting = settings.page_addr, _named(settings, "page_addr")
    page = page_app(board, actions, host=(asked or PAGE_ADDRESS)[0], lookups=lookups)
    server = Server(page, asked or PAGE_ADDRESS, setting=setting)
    try:
        await server.start()
    except SettingError:
        if asked is not None:
            raise
        # Nobody asked for this very port: another run of ours may have it.
        server = Server(page, (PAGE_ADDRESS[0], 0), setting=setting)
        await server.start()
    return server


def _named(settings: Settings, setting: str) -> str:
    """The flag or variable that the user set it with."""
    source = settings.sources[setting]
    return BY_NAME[setting].env if source in ("default", "file") else source
