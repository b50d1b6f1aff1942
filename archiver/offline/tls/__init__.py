"""Serving by TLS: connections that speak it, and the certificates that they show."""
