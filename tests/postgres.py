"""A PostgreSQL server of the tests' own: made, started and ended by the session, as a user that is not root."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import ports


class Server:
    """One server; `database()` makes a fresh copy of the migrated one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(ports.POSTGRES)
        self.programs = programs()
        self.user = "postgres" if os.getuid() == 0 else None
        """initdb refuses root."""
        self._count = 0
        if self.user:
            shutil.chown(folder, self.user)
        self._call(
            "initdb", "-D", str(folder / "data"), "-U", "hotline", "-A", "trust", "--no-sync", "-E", "UTF8"
        )
        self.start()

    def start(self) -> None:
        """Run it on its data, also after `kill`; returns once it answers."""
        folder = self.folder
        words = [
            *(str(self.programs / "postgres"), "-D", str(folder / "data"), "-p", str(self.port)),
            *(
                "-k",
                str(folder),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=200",
            ),
        ]
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(words, user=self.user, stdout=subprocess.DEVNULL, stderr=log)
        self._wait()

    def _call(self, program: str, *words: str) -> None:
        told = subprocess.run(
            [str(self.programs / program), *words], user=self.user, capture_output=True, timeout=60, check=False,
            cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert told.returncode == 0, told.stderr.decode()

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(self._words("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL did not start in 20 s"
                time.sleep(0.05)

    def _words(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=hotline dbname={name}"

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://hotline@127.0.0.1:{self.port}/{name}"

    def make(self, name: str, template: str = "template1") -> str:
        """A new database's URL."""
        with psycopg.connect(self._words("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def database(self) -> str:
        """The URL of a fresh, migrated database."""
        if not self._count:
            from hotline.database import migrate

            migrate(self.make("migrated"))
        self._count += 1
        return self.make(f"test{self._count}", "migrated")

    def kill(self) -> None:
        """SIGKILL to all of it, as a power cut."""
        self.signal_all(signal.SIGKILL)
        self.process.wait(5)

    def signal_all(self, number: int) -> None:
        """SIGSTOP, SIGCONT or SIGKILL to the server and each of its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


def programs() -> Path:
    """The folder of initdb and postgres."""
    for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True):
        return path.parent
    found = shutil.which("initdb")
    if not found:
        pytest.fail(
            "The tests need PostgreSQL: ./run test brings it (apt-get install postgresql).", pytrace=False
        )
    return Path(found).resolve().parent


def free_port(first: int) -> int:
    for port in range(first, first + 10):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                return port
    raise AssertionError(f"no port is free between {first} and {first + 9}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    # Not pytest's own folder: its parents are closed to the other user.
    folder = Path(tempfile.mkdtemp(prefix="hotline-pg-"))
    folder.chmod(0o755)
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
