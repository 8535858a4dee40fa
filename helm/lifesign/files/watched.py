# The pod of `helm test`: a service that queries the health endpoints of its sidecar.
import asyncio
import sys
import urllib.error
import urllib.request

ENDPOINTS = {
    "/app/livez": "the event loop beats",
    "/app/startupz": "the boot is complete: the agent was injected",
    "/readyz": "the sidecar polls, and its exports arrive",
}
SECONDS = 60


def problem(url: str) -> str:
    """Why the endpoint fails; empty if it does not."""
    try:
        with urllib.request.urlopen(url + "?verbose", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode().strip()
    except OSError as error:
        return str(error)


async def main(sidecar: str) -> int:
    problems = dict.fromkeys(ENDPOINTS, "not queried yet")
    for _ in range(SECONDS):
        problems = {path: await asyncio.to_thread(problem, sidecar + path) for path in ENDPOINTS}
        if not any(problems.values()):
            break
        await asyncio.sleep(1)
    await asyncio.sleep(6)  # time for a few exports
    problems["/readyz"] = await asyncio.to_thread(problem, sidecar + "/readyz")
    for path, what in ENDPOINTS.items():
        print(f"{'FAILED' if problems[path] else 'ok'}: {what} ({path})", problems[path], flush=True)
    return 1 if any(problems.values()) else 0


sys.exit(asyncio.run(main(sys.argv[1])))
