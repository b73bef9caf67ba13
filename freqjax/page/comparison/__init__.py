"""Page of two runs side by side: what differs in their configs, their scores, losses and outputs.

`sides` reads the runs, `contents` says what the page says, `panels` draws, and `writing` makes the page.
"""
