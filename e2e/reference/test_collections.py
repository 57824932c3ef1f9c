"""Every file of other projects' collections: decoded as the reference decoders do, or refused with a reason; never a crash, never
beyond the limits of time and memory. What differs is listed with its reason in `known_differences.tsv`."""

import multiprocessing
import resource
import unittest
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from collections_of_files import COLLECTIONS, Collection
from judge import Verdict, judge

KNOWN = Path(__file__).with_name("known_differences.tsv")
TO_BE_EXPLAINED = ("strict", "lenient", "different")
# For the reference decoders, which have no cap of their own.
MAX_ADDRESS_SPACE_BYTES = 8 << 30


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE_BYTES, MAX_ADDRESS_SPACE_BYTES))


def judged(files: list[Path]) -> list[Verdict]:
    """In processes that are started, not forked: libvips has threads."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=_limit) as pool:
        return list(pool.map(judge, files, chunksize=8))


def known(collection: Collection) -> list[tuple[str, str]]:
    """Pattern and kind of each difference that has been explained."""
    rows = [line.split("\t") for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")]
    return [(pattern, kind) for name, pattern, kind, reason in rows if name == collection.name and reason]


class Collections(unittest.TestCase):
    def test_files_decode_as_the_references_do_or_are_refused(self) -> None:
        for collection in COLLECTIONS:
            with self.subTest(collection.name):
                self._check(collection)

    def _check(self, collection: Collection) -> None:
        files = collection.files()
        self.assertGreaterEqual(len(files), collection.least)
        verdicts = judged(files)
        rows, used, unexplained = known(collection), set(), []
        for verdict in verdicts:
            name = Path(verdict.path).relative_to(collection.path()).as_posix()
            found = {row for row in rows if fnmatch(name, row[0]) and verdict.kind == row[1]}
            used |= found
            if verdict.kind == "fault" or (verdict.kind in TO_BE_EXPLAINED and not found):
                unexplained.append(f"{name}\t{verdict.kind}\t{verdict.detail}")
        counts = Counter(verdict.kind for verdict in verdicts)
        slowest = max(verdict.seconds for verdict in verdicts)
        largest = max(verdict.resident_bytes for verdict in verdicts) >> 20
        print(f"{collection.name}: {dict(sorted(counts.items()))}, slowest {slowest:.1f} s, most memory {largest} MB", flush=True)
        self.assertEqual(unexplained, [], "\n" + "\n".join(unexplained))
        self.assertEqual(set(rows) - used, set(), "rows that explain nothing any more")
        # a comparison that never happened would pass too
        self.assertGreater(counts["same"], len(files) // 3)


if __name__ == "__main__":
    unittest.main()
