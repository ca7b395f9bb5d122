"""What a run will cost before it is started: its jobs and their limits, and what earlier runs say that they take."""
