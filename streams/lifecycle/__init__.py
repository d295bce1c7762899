"""Making time pass: the janitor, accounts, and whether receipts add up."""
