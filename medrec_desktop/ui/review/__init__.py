"""To review: two versions of one visit side by side, for a person to choose between."""
