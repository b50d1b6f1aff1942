"""Where a bundle's bytes go: one file, or volumes of it; nothing has its name before all is written."""
