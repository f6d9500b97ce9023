"""What the database's file and log do under the house's settings."""

from pathlib import Path

from sqlalchemy import text

from hotline.database import make_engine, take_in


def test_only_the_worker_takes_the_log_into_the_file(tmp_path: Path) -> None:
    """Whoever writes a call's facts never waits for the disk to take a whole log."""
    file = tmp_path / "hotline.db"
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fact (told TEXT)"))
    for _ in range(50):  # 2,500 pages: SQLite by itself would have begun at 1,000
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO fact VALUES (:told)"), {"told": "x" * 200_000})
    assert file.stat().st_size < 100_000
    assert take_in(engine) > 2000
    assert file.stat().st_size > 10_000_000
    assert take_in(engine) > 0  # nothing new: the same pages are in the file
    engine.dispose()
