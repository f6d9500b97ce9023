"""What holds for all tests: a worker that died makes the run a broken one, however its tests went."""

import pytest

LOST = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Notes a worker of pytest-xdist that went away with an error: what it had still to run has not been run."""
    if error:
        node.config.stash[LOST] = True  # type: ignore[attr-defined]  # xdist's controller of one worker has no public type


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Ends with pytest's status for an internal error when a worker was lost."""
    if session.config.stash.get(LOST, False):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
