"""Neural building blocks that methods share: layers, towers, attention, losses, target similarities."""
