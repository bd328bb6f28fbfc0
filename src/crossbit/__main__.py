"""`python -m crossbit` is the command line."""

from .cli import main

main()
