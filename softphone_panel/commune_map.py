"""A province's communes as shapes of an SVG that the server draws: out of GeoJSON files, no script, nothing fetched."""

from __future__ import annotations

import itertools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from hotline.settings import PROJECT, settings

WIDTH = 640.0
MARGIN = 6.0
FOLDER = "maps"
Ring = list[tuple[float, float]]


@dataclass(frozen=True)
class Shape:
    """One commune in the SVG's own units."""

    code: str
    full_name: str
    path: str
    """The `d` of an SVG path."""
    x: float
    y: float
    """Inside its largest part, where its number is written."""


@dataclass(frozen=True)
class Drawn:
    """One province on one day."""

    shapes: tuple[Shape, ...]
    width: float
    height: float
    credit: str

    def at(self, codes: Iterable[str]) -> tuple[float, float] | None:
        """The middle of those communes; None when none of them is drawn."""
        wanted = set(codes)
        found = [(s.x, s.y) for s in self.shapes if s.code in wanted]
        if not found:
            return None
        return sum(x for x, _ in found) / len(found), sum(y for _, y in found) / len(found)


NOTHING = Drawn((), WIDTH, 0.0, "")


def drawn(province: str, day: date) -> Drawn:
    """The map of that province's communes as they are on that day; NOTHING where there is none."""
    own = settings().installation.parent / FOLDER
    folder = own if (own / "maps.toml").exists() else PROJECT / "installation" / FOLDER
    if not (folder / "maps.toml").exists():
        return NOTHING
    for one in _index(folder, (folder / "maps.toml").stat().st_mtime_ns):
        if day <= one.get("until", date.max):
            file = folder / str(one["file"])
            return _drawn(file, file.stat().st_mtime_ns, province, str(one.get("credit", "")))
    return NOTHING


@lru_cache(maxsize=2)
def _index(folder: Path, changed_ns: int) -> tuple[Mapping[str, Any], ...]:
    return tuple(tomllib.loads((folder / "maps.toml").read_text(encoding="utf-8")).get("map", ()))


@lru_cache(maxsize=8)
def _drawn(file: Path, changed_ns: int, province: str, credit: str) -> Drawn:
    features = [
        one
        for one in json.loads(file.read_text(encoding="utf-8"))["features"]
        if province in (one["properties"].get("province"), one["properties"].get("parent_code"))
    ]
    parts = {one["properties"]["code"]: _rings(one["geometry"]) for one in features}
    points = [point for rings in parts.values() for ring in rings for point in ring]
    if not points:
        return NOTHING
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    narrower = math.cos(
        math.radians((south + north) / 2)
    )  # a degree of longitude is shorter than one of latitude
    scale = (WIDTH - 2 * MARGIN) / ((east - west) * narrower)

    def onto(point: tuple[float, float]) -> tuple[float, float]:
        return MARGIN + (point[0] - west) * narrower * scale, MARGIN + (north - point[1]) * scale

    shapes = []
    for one in features:
        code = one["properties"]["code"]
        rings = [[onto(point) for point in ring] for ring in parts[code]]
        x, y = _middle(max(rings, key=lambda ring: abs(_area(ring))))
        shapes.append(
            Shape(code, one["properties"]["full_name"], "".join(map(_path, rings)), round(x, 1), round(y, 1))
        )
    return Drawn(
        tuple(sorted(shapes, key=lambda s: s.code)),
        WIDTH,
        round(2 * MARGIN + (north - south) * scale, 1),
        credit,
    )


def _rings(geometry: Mapping[str, Any]) -> list[Ring]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [[(x, y) for x, y, *_ in ring] for polygon in polygons for ring in polygon]


def _path(ring: Ring) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring[:-1]) + "Z"


def _area(ring: Ring) -> float:
    """Twice, signed by the turning."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in itertools.pairwise(ring))


def _middle(ring: Ring) -> tuple[float, float]:
    """The centre of gravity."""
    area = _area(ring)
    if not area:
        return ring[0]
    pairs = [(a, b, a[0] * b[1] - b[0] * a[1]) for a, b in itertools.pairwise(ring)]
    return (
        sum((a[0] + b[0]) * cross for a, b, cross in pairs) / (3 * area),
        sum((a[1] + b[1]) * cross for a, b, cross in pairs) / (3 * area),
    )
