"""Six hours that never were, with incidents: what alerts are tested on and dashboards are drawn with."""
