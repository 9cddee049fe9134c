"""What a mask contains: regions, their measurements, review, exchange."""
