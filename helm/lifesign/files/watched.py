# The pod of `helm test`: a service that is watched, and asks its own sidecar whether it is.
import asyncio
import sys
import urllib.error
import urllib.request

QUESTIONS = {
    "/app/livez": "its event loop beats",
    "/app/startupz": "its boot is complete: the agent is in",
    "/readyz": "the sidecar watches, and what it exports arrives",
}
SECONDS = 60


def ask(url: str) -> str:
    """What is wrong, or nothing."""
    try:
        with urllib.request.urlopen(url + "?verbose", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode().strip()
    except OSError as error:
        return str(error)


async def main(sidecar: str) -> int:
    wrong = dict.fromkeys(QUESTIONS, "not asked yet")
    for _ in range(SECONDS):
        wrong = {path: await asyncio.to_thread(ask, sidecar + path) for path in QUESTIONS}
        if not any(wrong.values()):
            break
        await asyncio.sleep(1)
    await asyncio.sleep(6)  # for an export or two to go wrong
    wrong["/readyz"] = await asyncio.to_thread(ask, sidecar + "/readyz")
    for path, what in QUESTIONS.items():
        print(f"{'FAILED' if wrong[path] else 'ok'}: {what} ({path})", wrong[path], flush=True)
    return 1 if any(wrong.values()) else 0


sys.exit(asyncio.run(main(sys.argv[1])))
