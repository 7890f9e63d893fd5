"""The tour: the real program on the demo clinic, driven by keys, drawn into pictures."""
