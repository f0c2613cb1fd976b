"""The figures as a picture: bars for each benchmark, lines for growth. Needs matplotlib, the extra `bench`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hashmatch.bench.figures import Row
from hashmatch.bench.ours import OURS

_COLUMNS: Final = 2
_WIDTH: Final = 13.0  # inches
_PANEL: Final = 2.4  # inches
_GROWTH: Final = "growth/"
_OURS_COLOUR: Final = "#1b6ca8"
_PEER_COLOUR: Final = "#b8bec4"
_MIB: Final = 1 << 20


def draw(tables: Mapping[str, Sequence[Row]], titles: Mapping[str, str], path: Path) -> None:
    """Write an SVG; equal figures give equal bytes."""
    bars = [key for key in tables if not key.startswith(_GROWTH)]
    lines = dict.fromkeys(key.rpartition("/")[0] for key in tables if key.startswith(_GROWTH))
    height = math.ceil((len(bars) + len(lines)) / _COLUMNS)
    with mpl.rc_context({"svg.hashsalt": "hashmatch", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(_WIDTH, max(1, height) * _PANEL), layout="constrained")
        panels = iter(figure.subplots(max(1, height), _COLUMNS, squeeze=False).flat)
        for key in bars:
            _bars(next(panels), titles[key], tables[key])
        for prefix in lines:
            _lines(next(panels), prefix, {key: rows for key, rows in tables.items() if key.startswith(prefix + "/")})
        for unused in panels:
            unused.set_axis_off()
        figure.savefig(path, format="svg", metadata={"Date": None})


def _bars(panel: Axes, title: str, rows: Sequence[Row]) -> None:
    shown = [row for row in rows if row.seconds is not None]
    seconds = [row.seconds or 0.0 for row in shown]
    colours = [_OURS_COLOUR if row.program.startswith(OURS) else _PEER_COLOUR for row in shown]
    bars = panel.barh([row.program for row in shown], seconds, color=colours)
    panel.bar_label(bars, [_label(row) for row in shown], padding=3)
    panel.set_title(title, loc="left", fontsize=9, fontweight="bold")
    panel.set_xlabel("seconds (median)")
    panel.margins(x=0.45)
    panel.invert_yaxis()
    panel.spines[["top", "right"]].set_visible(False)


def _label(row: Row) -> str:
    memory = f", {row.peak / _MIB:,.0f} MiB" if row.peak else ""
    ratio = f" ({row.ratio:.2f} x)" if row.ratio is not None else ""
    return f"{row.seconds:.2f} s{ratio}{memory}"


def _lines(panel: Axes, prefix: str, tables: Mapping[str, Sequence[Row]]) -> None:
    points = [
        (int(key.rpartition("/")[2]), row)
        for key, rows in tables.items()
        for row in rows
        if row.seconds is not None and row.program == OURS
    ]
    items = [row.rate * row.seconds for _, row in points if row.rate and row.seconds]
    panel.plot(items, [row.seconds or 0.0 for _, row in points], "o-", color=_OURS_COLOUR, label="seconds")
    panel.plot(items, [(row.peak or 0) / _MIB for _, row in points], "s--", color=_PEER_COLOUR, label="peak MiB")
    panel.set_xscale("log")
    panel.set_yscale("symlog")
    panel.set_title(f"growth: {prefix.removeprefix(_GROWTH)}", loc="left", fontsize=9, fontweight="bold")
    panel.set_xlabel(prefix.removeprefix(_GROWTH))
    panel.legend(frameon=False)
    panel.spines[["top", "right"]].set_visible(False)
