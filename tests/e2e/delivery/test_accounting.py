"""Whatever fails, a record is delivered, or waits, or is counted: the accounts of failing Collectors and processes.

Each row prints how many records were written, delivered, delivered twice (with the same id), counted as dropped,
and lost. `make faults` takes the long way: more kills, longer outages.
"""

from __future__ import annotations

import gzip
import random
import signal
import time
from pathlib import Path

from support.backends.collector import Collector
from support.faults.books import Books
from support.faults.scene import FULL, KILLS, OUTAGE, RATE, SOME, Scene, Stage, kills
from support.otlp_server import Answer, HttpServer, partial


def test_collector_down_at_start(stage: Stage, outage: Collector) -> None:
    outage.stop()
    scene = stage()
    scene.sidecar()
    scene.main(SOME)
    scene.hears("do not reach")
    outage.start()
    account = scene.balances()
    assert (account.missing, account.delivered) == (0, SOME)


def test_collector_down_under_load(stage: Stage, outage: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(RATE)
    outage.stop()
    scene.hears("do not reach")
    time.sleep(OUTAGE)
    outage.start()
    scene.ends(main)
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_collector_restarted(stage: Stage, outage: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    for _ in range(10 if FULL else 3):
        time.sleep(OUTAGE / 4)
        outage.stop()
        outage.start()
    scene.ends(main)
    assert scene.balances().missing == 0


def test_collector_in_every_mood(tmp_path: Path) -> None:
    troubles = [
        Answer(302, headers={"Location": "/elsewhere"}),
        Answer(408),
        Answer(429, headers={"Retry-After": "0.05"}),
        Answer(500),
        Answer(503, headers={"Retry-After": "0.05"}),
        Answer(reset=True),
        Answer(cut=True, status=503),
        Answer(delay=0.5),
        Answer(401),
        Answer(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),
        Answer(200, b"", {"Content-Type": "text/html"}),
        Answer(400, b"<html>Blocked</html>", {"Content-Type": "text/html"}),
        Answer(503, headers={"Retry-After": "Fri, 31 Dec 99999999999 23:59:59 GMT"}),
        Answer(200, gzip.compress(bytes(50 << 20)), {"Content-Encoding": "gzip"}),  # a bomb
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
        Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + bytes(90), drip=0.2),
        Answer(raw=b"what is this?\r\n\r\n"),
    ]
    server = HttpServer()
    for kind in ("traces", "logs"):
        for trouble in troubles * (20 if FULL else 1):
            server.script(kind, trouble, Answer())
    server.script("metrics", *troubles)
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
    scene = Scene("collector_in_every_mood", tmp_path, Books(server), environ)
    try:
        scene.sidecar()
        main = scene.main(None)
        scene.until(lambda: not server.pending("traces"))
        scene.ends(main)
        account = scene.balances()
    finally:
        scene.close()
        server.stop()
    assert account.missing == 0  # it took what it answered with nonsense, and has that twice


def test_collector_that_refuses(tmp_path: Path) -> None:
    server = HttpServer()
    server.script("traces", Answer(rejects=3), Answer(400), Answer(), Answer(rejects=1), Answer(413), Answer(422))
    server.script("traces", Answer(200, partial("traces", 1 << 40, "all of them").SerializeToString()))
    scene = Scene("collector_that_refuses", tmp_path, Books(server), {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url})
    try:
        scene.sidecar()
        main = scene.main(None)
        scene.until(lambda: not server.pending("traces"))
        scene.ends(main)
        account = scene.balances()
        aside = len((scene.spool / "traces" / "rejected.jsonl").read_text().splitlines())
    finally:
        scene.close()
        server.stop()
    assert account.lost == 0
    assert 0 < account.missing <= account.dropped <= aside


def test_sidecar_killed(stage: Stage) -> None:
    scene = stage()
    main = scene.main(None)
    kills(scene.sidecar, scene.exports, KILLS)
    scene.ends(main)
    account = scene.balances()
    assert account.missing == 0 or (FULL and not account.lost), "the ring holds a minute's records, and kills go on"


def test_main_killed(stage: Stage) -> None:
    scene = stage()
    scene.sidecar()
    kills(lambda: scene.main(None), scene.exports, KILLS).kill()
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)
    assert account.unread <= KILLS + 1


def test_both_killed(stage: Stage) -> None:
    scene = stage()
    chance = random.Random(23)
    main, sidecar = scene.main(None), scene.sidecar()
    for number in range(KILLS):
        if number % 2:
            scene.exports()
        time.sleep(chance.uniform(0.1, 1.0))
        main.kill()
        time.sleep(chance.uniform(0.0, 0.3))
        sidecar.kill()
        main, sidecar = scene.main(None), scene.sidecar()
    main.kill()
    account = scene.balances()
    assert account.missing == 0 or (FULL and not account.lost), "the ring holds a minute's records, and kills go on"


def test_sidecar_stopped_while_the_ring_runs_over(stage: Stage) -> None:
    scene = stage()
    scene.main_environ["LIFESIGN_RING_SIZE"] = "64KiB"
    sidecar = scene.sidecar()
    scene.exports()
    sidecar.send_signal(signal.SIGSTOP)
    scene.main(SOME)
    scene.written(SOME)
    sidecar.send_signal(signal.SIGCONT)
    account = scene.balances()
    assert account.lost == 0
    assert 0 < account.missing == account.dropped


def test_two_sidecars(stage: Stage) -> None:
    scene = stage()
    first = scene.sidecar()
    scene.exports()
    scene.sidecar()
    scene.hears("another sidecar watches")
    main = scene.main(None)
    scene.written(SOME)
    assert scene.account().duplicated == 0
    first.kill()
    first.wait()
    before = scene.account().delivered
    scene.written(2 * SOME)
    scene.ends(main)
    account = scene.balances()
    assert account.missing == 0
    assert account.delivered > before, "the second took over"


def test_beats_go_on_counting_over_an_outage(stage: Stage, outage: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(RATE // 4)
    outage.stop()
    scene.hears("metrics do not reach")
    before = scene.beats()
    outage.start()
    scene.ends(main)
    scene.balances()
    assert scene.beats() == scene.beats_in_pulse() > before
