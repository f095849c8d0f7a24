"""From a version's files to the fitted estimator in them, and what keeps a file from being one."""
