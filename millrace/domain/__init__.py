"""The words of Millrace as plain types: no I/O, no River, nothing but the standard library and msgspec."""
