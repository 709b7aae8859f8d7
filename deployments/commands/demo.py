"""`truckroll demo`."""
def demo() -> None:
    """Placeholder replaced below."""
