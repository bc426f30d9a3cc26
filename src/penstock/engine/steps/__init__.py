"""The twelve steps of a quarter, one module each: they carry state to the layers, money and conduct and back."""
