"""The web crawler: what is in scope, what is still to fetch, fetching it, and writing it down as WARC."""
