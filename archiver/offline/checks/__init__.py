"""What ``verify`` checks beyond a bundle's structure: one module for each kind of content."""
