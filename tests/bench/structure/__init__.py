"""The structure bench: Recto's Markdown beside its peers' on the same documents (tests/bench/README.md, "Structure")."""
