"""The keeper's side of the network: everything that is fetched is fetched here."""
