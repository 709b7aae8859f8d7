"""Our own words: domain types, tables, shop settings, errors. Knows nothing of vendors' wire formats."""
