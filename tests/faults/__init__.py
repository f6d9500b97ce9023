"""What callers meet when a part of the product fails, measured from outside."""
