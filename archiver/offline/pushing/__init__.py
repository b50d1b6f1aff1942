"""Bringing images into a registry: names, the API of registries, uploads, and what makes a cluster use them."""
