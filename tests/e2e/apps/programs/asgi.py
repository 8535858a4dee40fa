"""Small web apps of many frameworks, each made when a server asks for it: ``asgi:fastapi``."""

from __future__ import annotations

from typing import Any

WORD = "hello"


async def plain(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI app without a framework."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": WORD.encode()})


def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A WSGI app without a framework."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [WORD.encode()]


def _starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def home(request: Any) -> Any:
        return PlainTextResponse(WORD)

    return Starlette(routes=[Route("/", home)])


def _fastapi() -> Any:
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def home() -> str:
        return WORD

    return app


def _quart() -> Any:
    from quart import Quart

    app = Quart(__name__)

    @app.route("/")
    async def home() -> str:
        return WORD

    return app


def _flask() -> Any:
    """Its views are coroutines: a loop of their own for each request."""
    from flask import Flask

    app = Flask(__name__)

    @app.route("/")
    async def home() -> str:
        return WORD

    return app


def _litestar() -> Any:
    from litestar import Litestar, get

    @get("/", sync_to_thread=False)
    def home() -> str:
        return WORD

    return Litestar([home])


def _blacksheep() -> Any:
    from blacksheep import Application, get

    app = Application()

    @get("/")
    async def home() -> str:
        return WORD

    return app


def _socketio() -> Any:
    import socketio

    return socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"), other_asgi_app=plain)


def _nicegui() -> Any:
    from fastapi import FastAPI
    from nicegui import ui

    app = FastAPI()

    @ui.page("/")
    def home() -> None:
        ui.label(WORD)

    ui.run_with(app)
    return app


def sanic() -> Any:
    from sanic import Sanic
    from sanic.response import text

    app = Sanic("shop")

    @app.get("/")
    async def home(request: Any) -> Any:
        return text(WORD)

    return app


def _django() -> Any:
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpResponse
    from django.urls import path

    async def home(request: Any) -> Any:
        return HttpResponse(WORD)

    settings.configure(DEBUG=True, ROOT_URLCONF=(path("", home),), ALLOWED_HOSTS=["*"], SECRET_KEY="none")
    django.setup()
    return get_asgi_application()


_made: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    make = globals().get(f"_{name}")
    if make is None or name.startswith("_"):
        raise AttributeError(name)
    if name not in _made:
        _made[name] = make()
    return _made[name]
