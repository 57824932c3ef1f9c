"""Work without memory: hashes the same 64 KiB, REPEAT × 400 times, on AT_ONCE threads.

What several of these at once gain over one is all that the machine gives to anybody: cores that are busy alone run at another
speed than in company, and a shared machine lends more than it owns.
"""

import hashlib
import sys
import threading

repeat, at_once = int(sys.argv[1]), int(sys.argv[2])
block = bytes(65536)


def work() -> None:
    for _ in range(repeat * 400):
        hashlib.sha256(block).digest()


threads = [threading.Thread(target=work) for _ in range(at_once)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
