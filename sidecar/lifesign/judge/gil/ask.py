"""Asks a frozen process for its stacks: sends the signal that `agent.lastwords.stacks` answers, when it is safe.

Whoever sent it at running bytecode could crash the process: faulthandler walks the frames of threads that run on. So
it is sent only while the thread that answers it waits for the GIL (see `threads`), which running bytecode would give it
within milliseconds; to that thread alone; and at most twice in one freeze, whoever asks: sidecar, probe or command.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from typing import Callable

from lifesign.control_groups import read_kernel_file
from lifesign.judge.exit_status import own_number
from lifesign.judge.gil import threads
from lifesign.judge.gil.stacks import STACKS_BYTES, Stacks, parse
from lifesign.judge.gil.threads import ThreadsSeen
from lifesign.judge.kernel import holder
from lifesign.wire.folder import STACKS, Folder, PulseError
from lifesign.wire.stacks.offer import StacksOffer, read_offer
from lifesign.wire.stacks.reading import read_file
from lifesign.wire.stacks.request import StacksRequest, add_request

_WINDOW_NS = 100_000_000  # that threads are looked at, at least
_WINDOW_MAX_NS = 1_500_000_000  # what was seen before that may be over
_ATTEMPTS = 2
_AGAIN_NS = 2_000_000_000
_ANSWER_SECONDS = 0.1
_STEP = 0.01
_TRIES, _TRY_SECONDS = 10, 0.002
_SOON_SECONDS = 0.005  # from when it was seen to wait to the signal
_FIRST_SIGNAL = 32  # real-time signals, as the kernel counts them
_LAST_SIGNAL = 64
_THREAD = os.O_EXCL  # PIDFD_THREAD, Linux 6.9


class _RefusedError(Exception):
    """It is not sent for a reason that lasts, and which."""


class _NotHeldError(Exception):
    """It is not sent because the GIL is not seen to be held."""


class Asking:
    """Asks one process.

    Args:
        folder: the process's folder.
        own: what the process calls itself.
        beats: reads how often its watchdog has beaten.
    """

    def __init__(self, folder: Folder, own: int, beats: Callable[[], int]) -> None:
        self._folder = folder
        self._own = own
        self._beats = beats
        self._since = -1  # the beat at which `_before` was seen
        self._before: ThreadsSeen | None = None
        self._answer: tuple[bytes, Stacks | None] = (b"", None)
        self.refused = ""  # why there can be no stacks

    def look(self) -> None:
        """The process is late: what its threads do is compared with what they do at the next call."""
        self._compare(holder(self._folder.life), self._beats())

    def ask(self, timeout: int) -> Stacks | None:
        """The process is frozen, by a heartbeat timeout in nanoseconds: its stacks, had from it if nobody has yet.

        None where there are none: `refused` says why there can be none, and is empty where the next call may know more.
        """
        self.refused = ""
        beats = self._beats()
        found = self.answer(beats)
        if found is not None and found.threads:
            return found
        try:
            if self._may_ask(found) and self._send(beats, timeout):
                return self._await(beats)
        except _RefusedError as error:
            self.refused = str(error)
        except _NotHeldError:
            return None
        except PermissionError:
            self.refused = "it runs as another user"
        except (OSError, PulseError, ValueError, IndexError) as error:
            self.refused = str(error)
        return None

    def ask_now(self, timeout: int) -> Stacks | None:
        """As `ask`, for who calls only once, and has the time to look twice."""
        found = self.ask(timeout)
        if found is None and not self.refused:
            time.sleep(2 * _WINDOW_NS / 1e9)
            found = self.ask(timeout)
        return found

    def answer(self, beats: int) -> Stacks | None:
        """What is written of the freeze that began after this beat, without asking; None where nothing is."""
        raw = read_file(STACKS, self._folder.descriptor, STACKS_BYTES)
        if raw != self._answer[0]:
            self._answer = (raw, parse(raw))
        found = self._answer[1]
        return found if found is not None and found.request.beats == beats else None

    def offer(self) -> StacksOffer | None:
        """What the process says of the signal and of its threads."""
        return read_offer(self._folder.descriptor)

    def _may_ask(self, found: Stacks | None) -> bool:
        return found is None or (found.requests < _ATTEMPTS and time.time_ns() - found.request.at > _AGAIN_NS)

    def _compare(self, pid: int, beats: int) -> tuple[ThreadsSeen, ThreadsSeen] | None:
        """What the threads did since the call before; None where that is too short or too long ago."""
        now = time.monotonic_ns()
        before, since = self._before, self._since
        if before is not None and since == beats and now - before.at < _WINDOW_NS:
            return None
        seen = threads.look(pid, now) if pid else ThreadsSeen(now, {})
        self._before, self._since = seen, beats
        if before is None or since != beats or now - before.at > _WINDOW_MAX_NS:
            return None
        return before, seen

    def _send(self, beats: int, timeout: int) -> bool:
        """Whether it was sent; not yet, where its threads have not been looked at for long enough."""
        pid = holder(self._folder.life)
        if not pid or own_number(pid) != self._own or pid != self._own:
            raise _RefusedError("it is in another PID namespace")
        offer = self.offer()
        if offer is None or not _FIRST_SIGNAL < offer.signal <= _LAST_SIGNAL:
            raise _RefusedError("it answers no signal for them")
        compared = self._compare(pid, beats)
        if compared is None:
            return False
        request = _request(pid, offer, beats, timeout, *compared)
        if os.geteuid() not in (0, os.stat(f"/proc/{pid}").st_uid):
            raise _RefusedError("it runs as another user")
        with contextlib.ExitStack() as opened:
            descriptor = _open_thread(offer.thread)
            if descriptor >= 0:
                opened.callback(os.close, descriptor)
            # From here to the signal as few steps as possible: what was seen must still be so.
            seen = _wait_until_ready(pid, offer)
            if holder(self._folder.life) != pid or self._beats() != beats:
                raise _NotHeldError("Python runs again")
            add_request(self._folder.descriptor, request)
            if time.monotonic() - seen > _SOON_SECONDS:
                raise _NotHeldError("it took too long, on a machine that is busy")
            if descriptor >= 0:
                signal.pidfd_send_signal(descriptor, offer.signal)
            else:
                _tgkill(pid, offer.thread, offer.signal)
        return True

    def _await(self, beats: int) -> Stacks | None:
        """The answer, once it grows no more; None where it takes longer than a moment."""
        end = time.monotonic() + _ANSWER_SECONDS
        seen = -1
        while time.monotonic() < end:
            time.sleep(_STEP)
            found = self.answer(beats)
            length = len(self._answer[0])
            if found is not None and found.threads and length == seen:
                return found
            seen = length
        return None


def _request(
    pid: int, offer: StacksOffer, beats: int, timeout: int, before: ThreadsSeen, after: ThreadsSeen
) -> StacksRequest:
    """What is written down of the threads; refuses where they do not show that the GIL is held."""
    over = after.at - before.at
    used = threads.between(before, after)
    if not used:
        raise _NotHeldError("its threads cannot be seen")
    if offer.thread not in used or not threads.waits_for_gil(used[offer.thread], over):
        raise _NotHeldError("its threads do not wait for the GIL")
    like = used[offer.thread]
    waiting = sum(threads.waits_for_gil(use, over, like) for use in used.values())
    if threads.may_be_a_queue(waiting, timeout):
        raise _RefusedError(f"{waiting} threads wait for the GIL, perhaps only for each other")
    return StacksRequest(time.time_ns(), beats, over, threads.worth_noting(used, offer.thread, over))


def _wait_until_ready(pid: int, offer: StacksOffer) -> float:
    """Waits for a moment in which the thread waits, and returns it; it wakes up again and again."""
    for _ in range(_TRIES):
        now = time.monotonic()
        if _is_ready(pid, offer):
            return now
        time.sleep(_TRY_SECONDS)
    raise _NotHeldError("its watchdog does not wait")


def _is_ready(pid: int, offer: StacksOffer) -> bool:
    """Whether the thread waits. Refuses unless it is there and handles the signal: to any other it would be the end."""
    lines = read_kernel_file(f"/proc/{pid}/task/{offer.thread}/status").splitlines()
    words = {name: rest.split() for name, _, rest in (line.partition(b":") for line in lines)}
    bit = 1 << (offer.signal - 1)
    if words[b"TracerPid"][0] != b"0":
        raise _RefusedError("a debugger has it")
    if int(words[b"Tgid"][0]) != pid:
        raise _NotHeldError("its watchdog is gone")
    if any(int(words[name][0], 16) & bit for name in (b"SigBlk", b"SigIgn")) or not int(words[b"SigCgt"][0], 16) & bit:
        raise _RefusedError("it does not handle the signal")
    return words[b"State"][0] == b"S"


def _open_thread(thread: int) -> int:
    """A descriptor of one thread, whatever its number is used for afterwards; -1 on a kernel before 6.9."""
    try:
        return os.pidfd_open(thread, _THREAD)
    except (OSError, AttributeError):
        return -1


def _tgkill(pid: int, thread: int, number: int) -> None:
    """Both numbers would have to be used anew since they were seen a moment ago, the one inside of the other."""
    send = getattr(ctypes.CDLL(None, use_errno=True), "tgkill", None)
    if send is None:
        raise _RefusedError("this kernel and libc cannot signal one thread")
    if send(pid, thread, number):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
