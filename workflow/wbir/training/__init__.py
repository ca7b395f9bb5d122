"""Training of networks: one loop for every learned method, resumable to the same bytes, seeded step by step."""
