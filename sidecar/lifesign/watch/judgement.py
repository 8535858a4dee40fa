"""What is concluded of a process over several polls: a freeze that thaws, and an end, which is judged once."""

from __future__ import annotations

from lifesign.judge import states
from lifesign.judge.diagnosis import diagnose
from lifesign.judge.ending import is_unexplained, judge_last_look
from lifesign.judge.reading import Reading
from lifesign.judge.states import Verdict

_SUPERVISOR_NS = 1_000_000_000  # longer than it takes to write how a child ended
_LEAVING_NS = 1_000_000_000  # longer than most processes take from their tombstone to their end
_KUBELET_NS = 360_000_000_000  # longer than a kubelet waits before it starts a container again
_POD_NS = 2_500_000_000  # longer than a kubelet takes from the end of a pod's main container to asking its sidecar
_APART_NS = 250_000_000  # a sidecar that is not native is asked at the same time as the process
_ASKED_NS = 600_000_000_000  # so long after its grace period, an end of the process is not the one that was asked for


class Judgement:
    """The verdicts on one process over several polls, for what a single reading cannot decide.

    Its end is judged once, by what is known of it then.

    Args:
        final: the verdict on its end, where an earlier life of the sidecar has made it.
        grace: nanoseconds that it may take to end.
        always: it is of a pod whose containers are started again whenever they end: only the pod's end is one.
    """

    def __init__(self, final: Verdict | None = None, grace: int = 30_000_000_000, *, always: bool = False) -> None:
        self.final = final
        self._grace = grace
        self._always_restarts = always
        self.likely: Verdict | None = None  # on its end, while that is left open
        self._seen = 0  # when it was last seen to live
        self._leaving_since = 0  # when it was first seen to have a tombstone, and to be gone
        self._gone_since = 0
        self._announced_at: int | None = None
        self._ill: str | None = None  # the illness that its container is ended for
        self._outlived_at = 0  # when the sidecar was asked to end, and it was still there
        self._restarted = False
        self.last_look = False  # nobody will be there to judge its end later
        self._thawed_at = 0  # the watchdog's first beat after a freeze, while the loop does not turn yet

    @property
    def leaves(self) -> bool:
        """Whether its end was announced, and is not judged yet."""
        return self._announced_at is not None and self.final is None

    def end_announced(self, now: int, ill: str | None) -> None:
        """Its container is about to be ended, for an illness or because somebody asked; monotonic nanoseconds."""
        self._announced_at, self._ill = now, ill

    def container_ran_again(self, began: int) -> None:
        """See `WatchedProcess.container_ran_again`."""
        # A restart may take less than the time between two polls: after the newest that saw it alive is late enough.
        self._restarted |= bool(self._gone_since) and began > self._seen

    def pod_ends(self, now: int) -> bool:
        """The sidecar was asked to end, and the process is still there; see `WatchedProcess.pod_ends`."""
        self._outlived_at = self._outlived_at or now
        return self._announced_at is not None and self._outlived_at - self._announced_at >= _APART_NS

    def complete(self, reading: Reading, leaving: bool = False) -> Reading:
        """The reading with what is known of its end from elsewhere; `leaving`: we were asked to end, too."""
        ending, at = reading.ending, self._announced_at
        if not reading.alive:
            self._gone_since = self._gone_since or reading.now
        if ending.asked is None and at is not None and (self._gone_since or reading.now) - at < _ASKED_NS + self._grace:
            outlived = self._outlived_at - at >= _APART_NS
            ending = ending._replace(ill=self._ill, pod_ends=leaving, restarted=self._restarted, outlived=outlived)
            if self._ill is None:
                ending = ending._replace(asked="SIGTERM", asked_at=at, announced=True)
        elif self._always_restarts and leaving:
            ending = ending._replace(pod_ends=True)
        if reading.tombstone is not None:
            self._leaving_since = self._leaving_since or reading.now
        if reading.alive:
            self._seen = reading.now
        elif ending.asked_at is not None:
            ending = ending._replace(asked_ago=max(0, self._gone_since - ending.asked_at))
        return reading._replace(ending=ending, seen=self._seen, grace=self._grace)

    def verdict(self, reading: Reading) -> Verdict:
        """The state of the process at this reading."""
        if self.final is not None:
            return self.final
        self.final = judge_last_look(reading) if self.last_look else None
        if self.final is not None:
            return self.final
        verdict = diagnose(reading)
        if self._thaws(verdict, reading):
            return Verdict(states.FROZEN, "Python runs again, the event loop does not yet")
        if verdict.state not in states.ENDED:
            # Nobody may be left to say so later: the pod ends, and its sidecar may be killed.
            ends = reading.leaves_for() is not None or (reading.ending.pod_ends and reading.ending.announced)
            return verdict._replace(released=ends and verdict.state not in states.ILL)
        if self._is_open(reading):
            self.likely = verdict
            return Verdict(reading.reported or states.STARTING, "it ended a moment ago")
        if not reading.alive:
            self.final = verdict
        return verdict

    def _thaws(self, verdict: Verdict, reading: Reading) -> bool:
        """Whether the watchdog beats after a freeze, and the loop has had no time to: that is no illness of its own."""
        if reading.reported != states.FROZEN or verdict.state != states.BLOCKED or reading.watchdog is None:
            self._thawed_at = 0
            return False
        self._thawed_at = self._thawed_at or reading.watchdog.mono_ns
        return reading.watchdog.mono_ns - self._thawed_at <= reading.timeout // 2

    def _is_open(self, reading: Reading) -> bool:
        """Whether to leave the verdict open for a moment, in which more will be known."""
        if reading.alive:
            return reading.now - self._leaving_since < _LEAVING_NS
        ending, ago = reading.ending, reading.now - self._gone_since
        if ending.announced and not ending.pod_ends and not ending.restarted:
            return ago < _KUBELET_NS  # who is asked next: the sidecar, as the pod ends, or nobody, and it runs again?
        if self._always_restarts and not ending.pod_ends and is_unexplained(reading):
            return ago < _POD_NS  # a preStop hook that is not ours announces nothing: is the sidecar asked to end, too?
        # The kernel frees the lock before the supervisor hears of the end.
        return ending.awaited and ago < _SUPERVISOR_NS
