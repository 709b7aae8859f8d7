"""Contractor Commerce, the online store. Its public contract is inferred; all that may turn out otherwise is here.

The order API is not public (contracts/contractor_commerce/FACTS.md, "In short"): paths, field names, paging, limits and
webhook headers come from the reconstructed openapi.yaml. Nothing outside this package knows them, so that the real
contract replaces this package alone. What is firm is said where it is used.
"""
