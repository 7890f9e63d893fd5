"""The window: the only package that knows Qt. It talks to services and domain alone.

No I/O on its thread: reads and writes go through `background`, results come back by signal, and an
error that nobody handles is shown. All text from records is shown as plain text.
"""
