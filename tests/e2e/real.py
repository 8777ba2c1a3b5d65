"""`undertone` itself, from this checkout, with the networks that ship."""

from services.cli import main

if __name__ == "__main__":
    main()
