"""README.html and README.txt: what a bundle says to someone who has never heard of this program.

Both are written before anything is packed, so they speak of names, counts and sizes, never of the
bundle's own digests.
"""
