"""Container images: which ones are asked for, and getting them from registries into the image layout."""
