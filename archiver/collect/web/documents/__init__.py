"""Reading documents: what a page, a style sheet, a script or a sitemap refers to and says of itself.

Everything that interprets the bytes of a document is here and runs in processes of its own (``worker``,
``pool``), so that what a document does to its parser does not reach the crawl. All but those two is pure.
"""
