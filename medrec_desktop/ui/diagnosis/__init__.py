"""The coded diagnoses of a visit: rows, and the box that finds codes."""
