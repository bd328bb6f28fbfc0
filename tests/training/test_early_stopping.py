"""Passes that are repeated only as long as their loss falls."""

import pytest
import torch

from crossbit.training.early_stopping import passes_while_falling


@pytest.mark.parametrize(
    ("means", "passes"),
    [
        ([5.0, 4, 3, 2], 4),  # as often as allowed
        ([5.0, 6, 7, 2], 3),  # the third is the first to be judged, by the second
        ([5.0, 6, 4, 4], 4),
        ([5.0, 4, 3, 3, 1], 4),  # no fall is no reason to go on
    ],
)
def test_passes_end_when_the_loss_falls_no_longer(means, passes):
    done = 0
    for losses in passes_while_falling(len(means)):
        losses += [torch.tensor(means[done] - 1.0), torch.tensor(means[done] + 1.0)]
        done += 1
    assert done == passes
