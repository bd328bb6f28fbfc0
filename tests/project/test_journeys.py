"""The tool that shows which files a command passes counts entries and switches as it says."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "journeys.py"


def test_a_journey_names_the_files_and_counts_the_switches():
    command = [sys.executable, TOOL, "--json", "datasets", "list"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    facts = json.loads(ended.stdout)
    assert facts["files"] == len(facts["entries"])
    assert facts["entries"]["cli/datasets.py"] == 1
    assert facts["files"] - 1 <= facts["switches"] < sum(facts["entries"].values())
    assert "wikipedia" in ended.stderr
