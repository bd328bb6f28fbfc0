"""Memory that is freed and taken again costs no page faults."""

import subprocess
import sys

import pytest

from crossbit.training.memory import keep_freed_memory

COUNT = """
import resource, sys
import numpy as np
from crossbit.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(16 * 2**20 // 8)
    return before
faults()
first = faults()
print(faults() - first)
"""


@pytest.mark.skipif(sys.platform != "linux" or not keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_comes_back_without_page_faults():
    def faults(how):
        ended = subprocess.run([sys.executable, "-c", COUNT, how], capture_output=True, text=True, check=True)
        return int(ended.stdout)

    assert faults("keep") < 100 < faults("hand back")
