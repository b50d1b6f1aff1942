"""Taking in what bundles hold: into container runtimes, and into archive folders."""
