"""Page of a sweep in a browser, made of the files in its folder, also while it trains.

`reading` reads the files, `settings` groups replicas that differ in nothing but seeds, `curves` averages
their losses, `contents` says what the page says, and `writing` makes it.
"""
