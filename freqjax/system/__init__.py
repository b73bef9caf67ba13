"""Operating system and hardware: devices, compiled programs, the cache, files and locks."""
