"""A spider that reads one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import scrapy


class Shop(scrapy.Spider):
    name = "shop"
    start_urls = (Path(__file__).as_uri(),)

    def parse(self, response: Any) -> Iterator[dict[str, int]]:
        yield {"lines": len(response.body.splitlines())}
