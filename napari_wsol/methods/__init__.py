"""How each method learns: its losses, one module per method."""
