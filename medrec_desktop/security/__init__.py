"""Keys, the system keyring, password hashing and roles.

The only package that opens the keyring. It knows no table and no window: keys go in and come out as
bytes, and no key is ever written to a file in the clear.
"""
