"""The only way out for results: one module per format, and no digest in any of them."""
