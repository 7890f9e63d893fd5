"""The lock: who touched the program last, and an opaque page over every window. Nothing is closed
by it; keys and passwords are the services'."""
