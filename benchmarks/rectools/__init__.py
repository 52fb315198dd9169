"""The training of `sasrec` beside that of RecTools' SASRec: how long each needs for the same accuracy."""
