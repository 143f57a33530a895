"""Reading again what was not understood, or understood wrongly."""
