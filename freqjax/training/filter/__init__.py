"""Strict online learning: an extended Kalman filter of the weights of one group's pairs, a block at a time.

trainer     the rows in order, and the weights chosen by their shadow losses
judgement   decisions at the end of a block
repeats     the state from which the next block may begin
block       the updates of a block, with the shadows beside them
native      the same in C++
square_root the Kalman update
"""
