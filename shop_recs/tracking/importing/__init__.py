"""Import of interaction logs from files; needs the extra `io`."""
