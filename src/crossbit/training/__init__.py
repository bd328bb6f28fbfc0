"""Training runs: epochs, checkpoints, early stopping, several processes, memory."""
