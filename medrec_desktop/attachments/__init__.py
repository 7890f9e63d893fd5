"""The vault on this computer and, later, the bucket: intake, compression, encryption, upload.

The only package that talks to S3. It meets sync in the database alone (the upload queue), so that
either runs without the other.
"""
