"""Typed clients of the vendors, and the ports the loop sees them through."""
