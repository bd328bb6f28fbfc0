"""Training: epochs, checkpoints, early stopping, several processes, and memory."""
