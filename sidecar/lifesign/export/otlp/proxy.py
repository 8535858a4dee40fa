"""Whether a request goes by way of a proxy, so that what fails there is not said of the Collector."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # no stub

from lifesign.export.otlp.outcome import Outcome, Retry
from lifesign.export.otlp.targets import without_secrets

# What gRPC's own library reads, in this order.
_GRPC = ("grpc_proxy", "https_proxy", "http_proxy")
_NO_GRPC = ("no_grpc_proxy", "no_proxy")


class Proxy(NamedTuple):
    """A proxy, without what may be secret in its URL, and the variables that lead there and past it."""

    shown: str
    variable: str
    exception: str


def of_http(url: str) -> Proxy | None:
    """The proxy that `requests` takes for `url` by the environment."""
    from requests.utils import get_environ_proxies  # only where requests is used

    proxies = get_environ_proxies(url)
    for name in (urlsplit(url).scheme, "all"):
        if proxies.get(name):
            return Proxy(without_secrets(_with_scheme(proxies[name])), f"{name.upper()}_PROXY", "NO_PROXY")
    return None


def of_grpc(url: str) -> Proxy | None:
    """The proxy that gRPC takes for `url` by the environment."""
    past = next(filter(None, map(os.environ.get, _NO_GRPC)), "")
    address = urlsplit(url).netloc
    for name in _GRPC:
        if os.environ.get(name) and not proxy_bypass_environment(address, {"no": past} if past else {}):
            return Proxy(without_secrets(os.environ[name]), name, "no_proxy")
    return None


def explain(outcome: Outcome, proxy: Proxy | None) -> Outcome:
    """An attempt by way of `proxy`, which may be the one that failed, or that answered."""
    if proxy is None or not isinstance(outcome, Retry):
        return outcome
    why = f"{outcome.why}; sent by way of the proxy {proxy.shown}: see {proxy.variable} and {proxy.exception}"
    return Retry(why, outcome.after)


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"
