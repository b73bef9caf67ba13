"""Network of the classifier: windows are encoded one by one, then read in the context of their recording."""
