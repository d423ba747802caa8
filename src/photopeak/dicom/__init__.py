"""Reading at one wall: what hospitals hand in becomes evidence, or is listed with its reason."""
