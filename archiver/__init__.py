"""Archive a project's docs, images and downloads, and read them offline."""
