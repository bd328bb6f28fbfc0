"""Feature extractors, one file each; `crossbit.features.registry` lists them."""
