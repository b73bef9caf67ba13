"""Page of a run in a browser: one file that needs no other, made of what the report is made of."""
