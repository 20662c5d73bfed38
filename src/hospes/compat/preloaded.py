"""Imported by multiprocessing's fork server before anything else, so that its children find the faces, as their parent does."""

from hospes.compat.aliases import install

install()
