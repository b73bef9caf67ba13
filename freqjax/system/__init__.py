"""The machine: devices, compiled programs, the cache, files and locks."""
