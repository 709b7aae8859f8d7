"""The commands of `truckroll`, one file a group."""
