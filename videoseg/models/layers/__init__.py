"""Blocks that more than one decoder is made of."""
