"""What archiving a spec would fetch: asked of registries and servers, and of the archive, without writing anything."""
