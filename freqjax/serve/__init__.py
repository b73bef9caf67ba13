"""Server of the pages of runs, finished or not, for a browser on the same machine; it writes nothing."""
