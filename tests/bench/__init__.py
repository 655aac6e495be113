"""Side-by-side benchmarks (`make bench [ONLY=name]`): ours, a floor that does as little as possible, and peers, in one run."""
