"""What became of what was read: volumes, gaps, rejects, and the proof that nothing is missing."""
