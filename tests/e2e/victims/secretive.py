"""Has a secret in every place where a careless dump would find it."""

import asyncio
import os
import signal
import sys

SECRET = "hunter2-" + "correct-horse"
os.environ["DATABASE_PASSWORD"] = SECRET


class Account:
    def __init__(self):
        self.password = SECRET

    def __repr__(self):
        return f"Account({SECRET})"

    __str__ = __repr__


async def keeps_it(account, password=SECRET, *args, **options):
    local = [password, account, {"token": password}]
    await asyncio.sleep(600)
    return local


async def raises_it(account):
    token = account.password
    raise LookupError("no such account")
    return token


def blocks_with_it(account):
    token = account.password
    sys.stdin.readline()
    return token


async def main():
    account = Account()
    tasks = [asyncio.ensure_future(keeps_it(account, SECRET, account, more=account)) for _ in range(5)]
    tasks += [asyncio.ensure_future(raises_it(account)) for _ in range(3)]
    returned = asyncio.ensure_future(asyncio.sleep(0, result=account))
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    blocks_with_it(account)
    print("blocked", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    assert returned.done()
    os.kill(os.getpid(), signal.SIGABRT)


asyncio.run(main())
