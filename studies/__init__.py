"""Studies that GRACE's claims rest on; not part of the package. ``python -m studies --help`` in a clone of the repository."""
