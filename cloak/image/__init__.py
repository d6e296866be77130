"""Image files in and out: decoding, looking for metadata, stripping, encoding, and reading again what was written."""
