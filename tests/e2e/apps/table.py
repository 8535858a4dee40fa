"""The programs of other people, one row each: how they are started, and what happens to them."""

from __future__ import annotations

from signal import SIGTERM
from typing import Any

from support.apps.programs import Program

TYPED = "await asyncio.sleep(1)\n1/0\nprint(7)\n"
PYTEST = "pytest -q -p pytest_asyncio.plugin -p no:cacheprovider"
TIMES = r"^[.F]+ |^=+"  # in which order tests ended, and how many dots a line of pytest has


def once(command: str, watched: int, typed: str = "", varies: str = "$^", fails: bool = False) -> Program:
    """A program that ends by itself."""
    return Program(command, "", (), watched=watched, typed=typed, varies=varies, fails=fails)


GUNICORN = "gunicorn -w 2 --graceful-timeout 3 -b 127.0.0.1:{port}"
GUNICORNS: Any = {"acts": ("reload", "kill"), "worker": "gunicorn", "workers": 2}

# Servers of HTTP. What uvicorn does at SIGINT is seen in its own rows: the applications that it serves differ in how
# they run.
WEB = {
    "uvicorn": Program("uvicorn asgi:plain --port {port}"),
    "uvloop": Program("uvicorn asgi:plain --loop uvloop --port {port}"),
    "uvicorn workers": Program(
        "uvicorn asgi:plain --workers 2 --port {port}",
        acts=("reload", "kill"),
        worker="spawn_main",
        workers=2,
        watched=2,
    ),
    "uvicorn reload": Program("uvicorn asgi:plain --reload --port {port}", acts=("touch",), worker="spawn_main"),
    "gunicorn sync": Program(f"{GUNICORN} asgi:wsgi", **GUNICORNS, watched=0),
    "gunicorn gthread": Program(f"{GUNICORN} -k gthread --threads 4 asgi:flask", **GUNICORNS),
    "gunicorn gevent": Program(f"{GUNICORN} -k gevent asgi:wsgi", **GUNICORNS, watched=0),
    # At SIGINT gunicorn kills these workers by SIGKILL, bare too.
    "gunicorn uvicorn": Program(
        f"{GUNICORN} -k uvicorn_worker.UvicornWorker asgi:plain", **GUNICORNS, watched=2, ends=(SIGTERM,)
    ),
    "gunicorn preload": Program(
        f"{GUNICORN} --preload -k uvicorn_worker.UvicornWorker asgi:plain", **GUNICORNS, watched=2, ends=(SIGTERM,)
    ),
    "hypercorn": Program("hypercorn asgi:plain --bind 127.0.0.1:{port}"),
    "hypercorn workers": Program("hypercorn asgi:plain -w 2 --bind 127.0.0.1:{port}", watched=2),
    "daphne": Program("daphne -p {port} asgi:django"),
    "granian": Program(
        "granian --interface asgi --workers 2 --respawn-failed-workers --port {port} asgi:plain",
        acts=("kill", "reload"),
        worker="granian",
        workers=2,
        watched=2,
    ),
    "aiohttp": Program("python servers.py aiohttp {port}"),
    "tornado": Program("python servers.py tornado {port}"),
    "sanic": Program("sanic asgi:sanic --factory --no-motd --port {port}"),
    "starlette": Program("uvicorn asgi:starlette --port {port}", ends=(SIGTERM,)),
    "quart": Program("quart --app asgi:quart run --port {port}"),
    "fastapi": Program("uvicorn asgi:fastapi --port {port}", ends=(SIGTERM,)),
    "flask": Program("flask --app asgi:flask run --port {port}"),
    "litestar": Program("litestar --app asgi:litestar run --port {port}"),
    "blacksheep": Program("uvicorn asgi:blacksheep --port {port}", ends=(SIGTERM,)),
    "socketio": Program("uvicorn asgi:socketio --port {port}", ends=(SIGTERM,)),
    "nicegui": Program("uvicorn asgi:nicegui --port {port}", ends=(SIGTERM,)),
    "datasette": Program("datasette --memory --port {port}"),
    "twisted": Program("python servers.py twisted {port}"),
    "trio": Program("python servers.py trio {port}", watched=0),
    "anyio": Program("python servers.py anyio {port}"),
    "eventlet": Program("python servers.py eventlet {port}", watched=0),
}

# Servers of something else.
SERVERS = {
    "aiosmtpd": Program("python -m aiosmtpd --nosetuid --listen 127.0.0.1:{port}", "tcp"),
    "websockets": Program("python servers.py websockets {port}", "tcp"),
    "grpc": Program("python servers.py grpc {port}", "tcp"),
    "asyncssh": Program("python servers.py asyncssh {port}", "tcp"),
    "amqtt": Program("python servers.py amqtt {port}", "tcp"),
    "pymodbus": Program("python servers.py modbus {port}", "tcp"),
    "apscheduler": Program("python servers.py apscheduler {port}", "tcp"),
    "nats": Program("python servers.py nats {port}", "heard"),
    "dask": Program("dask scheduler --port {port} --no-dashboard", "tcp"),
}

# What starts other programs, and again when they end.
SUPERVISORS = {
    "supervisord": Program("supervisord -c supervisord.conf", acts=("kill",), worker="uvicorn", workers=1),
    "circus": Program("circusd circus.ini", acts=("kill",), worker="uvicorn", workers=1, watched=2),
    "honcho": Program("honcho -f procfile.txt start"),
    "watchfiles": Program("watchfiles 'python servers.py aiohttp {port}' .", acts=("touch",), worker="servers.py"),
    # At SIGINT it kills what it watches by SIGKILL, bare too.
    "hupper": Program("hupper -m uvicorn asgi:plain --port {port}", ends=(SIGTERM,)),
}

# Workers of job queues, and a kernel, which waits for jobs too.
WORKERS = {
    "celery": Program("celery -A jobs:celery worker -l info -c 2", "ready.", watched=0),
    "arq": Program("arq jobs.arq", "Starting worker"),
    "taskiq": Program("taskiq worker jobs:taskiq -w 2", "Listening started", watched=2),
    "dramatiq": Program("dramatiq actors -p 2 -t 2", "ready for action", watched=2),
    "faststream": Program("faststream run jobs:faststream", "started successfully"),
    "aio-pika": Program("python consumers.py amqp", "consuming", needs="rabbitmq"),
    "aiokafka": Program("python consumers.py kafka", "consuming", needs="kafka"),
    "jupyter kernel": Program(
        "jupyter kernel", "Kernel is running", watched=2, ends=(SIGTERM,), varies="kernel-", blocks=True
    ),
    "huey": Program("huey_consumer jobs.huey", "Huey consumer started", watched=0),
}

# What ends by itself.
ONCE = {
    "pool spawn": once("python once.py pool_spawn", 2),
    "pool fork": once("python once.py pool_fork", 2),
    "pool forkserver": once("python once.py pool_forkserver", 2),
    "executor": once("python once.py executor", 2),
    "terminated child": once("python once.py terminated", 1),
    "joblib": once("python once.py joblib", 2),
    "many loops": once("python once.py many_loops", 1),
    "no time": once("python once.py no_time", 1),
    "subprocesses": once("python once.py interrupted_child", 1),
    "textual": once("python once.py textual", 1),
    "prompt_toolkit": once("python once.py prompt_toolkit", 1),
    "jupyter client": once("python once.py kernel", 1)._replace(blocks=True),  # its client polls a socket
    "dask cluster": once("python once.py dask", 3),
    "trio once": once("python once.py trio", 0),
    "pytest-asyncio": once(f"{PYTEST} shop_tests.py", 1, varies=TIMES, fails=True),
    "pytest-xdist": once(f"{PYTEST} -p xdist.plugin -n 2 shop_tests.py", 2, varies=TIMES),
    "scrapy": once("scrapy runspider spider.py -L WARNING -o -:json", 1),
    "ipython": once(
        "ipython --simple-prompt --colors=NoColor", 1, "import asyncio\nawait asyncio.sleep(1)\n1/0\n", "^Tip"
    ),
    "asyncio repl": once("python -m asyncio", 1, TYPED),
}

PROGRAMS = {**WEB, **SERVERS, **SUPERVISORS, **WORKERS, **ONCE}
