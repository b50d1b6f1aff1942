"""Downloads: single files, kept in the image layout as OCI artifacts."""
