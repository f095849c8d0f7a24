"""The table of rows that a fitted estimator reads: its columns, their datatypes, and how a request becomes one."""
