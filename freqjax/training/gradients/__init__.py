"""The programs that make updates, one for each value of `train.engine`."""
