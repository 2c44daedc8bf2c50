# Made from _async/__init__.py by scripts/generate.py: change it there.
