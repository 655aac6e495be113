"""Ours: the desk's process exactly as a cluster runs it, one worker."""

from __future__ import annotations

from streams.desk.__main__ import main

if __name__ == "__main__":
    main()
