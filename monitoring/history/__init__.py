"""Six hours of simulated metrics with incidents, for the tests of alerts and the pictures of dashboards."""
