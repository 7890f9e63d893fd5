"""The `medrec-admin` command: demo, import, export, backup, restore and checks, without a window.

It calls the same services as the window does, prints plain sentences and answers with exit codes.
"""
