"""The rules of the shop: pure, total, explained. No clock, network or database; `now` and thresholds are arguments."""
