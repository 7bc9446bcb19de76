"""The process: wiring and I/O."""
