"""The sidecar's own process: how many files it may open."""

from __future__ import annotations

import resource

from lifesign.cli.sidecar import own_process


def test_the_limit_of_open_files_is_raised_as_far_as_we_may() -> None:
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = own_process._DESCRIPTORS if hard == resource.RLIM_INFINITY else min(own_process._DESCRIPTORS, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512, wanted), hard))
        own_process.raise_limit_of_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
        own_process.raise_limit_of_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (wanted, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
