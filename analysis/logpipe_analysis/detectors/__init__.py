"""One detector a file: a store and a time range in, findings out. Detectors never print, ship or sleep."""
