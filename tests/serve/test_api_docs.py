"""What the API answers is documented."""

from __future__ import annotations

from lifesign.serve.api import ROOT as ROOT_PATH
from lifesign.serve.api import Api
from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board
from lifesign.serve.feed import BeatEvent
from lifesign.serve.shown.rows import RowView, VerdictView
from support.made.client import NOTHING
from support.paths import ROOT


def test_every_address_and_every_field_of_a_row_and_the_verdict_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    routes = Api(Board(), NOTHING, Lookups()).routes()
    addresses = {route.path.replace("{key}", "KEY") for route in routes if "{action" not in route.path}
    assert [address for address in addresses if f"`GET {address}`" not in text] == []
    assert [action for action in Actions._fields if f"`POST {ROOT_PATH}/processes/KEY/{action}`" not in text] == []
    fields = {*RowView.__struct_fields__, *VerdictView.__struct_fields__, *BeatEvent.__struct_fields__} - {"at", "id"}
    assert [field for field in sorted(fields) if f"`{field}`" not in text] == []
