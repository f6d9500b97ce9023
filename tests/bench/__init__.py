"""`./run bench`: the same three questions asked by a bare dialplan, by others' AGI ways and by ours, under SIPp's load."""


def main(words: list[str]) -> int:
    """Run the benchmark by its command line (`./run bench --help`); the exit status."""
    from tests.bench.command import bench

    return bench(words)
