"""Metrics and statistics. One file per concept; a metric is a function decorated with `wbir.measures.base.metric`."""
