"""The machine: devices, compiled programs, the cache and files."""
