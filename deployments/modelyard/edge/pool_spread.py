"""HAProxy rules that choose the replica of a pool by the model's name: each replica loads its share of the models. Pure text.

The launcher makes the backend of each pool with several replicas hash KEY, and gives its servers ids. HAProxy places the servers on
a ring by their ids. If a replica is added, removed or down, only the models of its part of the ring change their replica.

A model with many requests in flight uses all replicas: HAProxy balances requests without a key round robin.
"""

from modelyard.config.url_paths import APPLICATION_PREFIX
from modelyard.edge.model_maps import SPREAD_ABOVE, SPREAD_FILE

KEY = "txn.home"
"""The variable that is hashed. The launcher knows its name too."""
TABLE = "edge_in_flight"

RULES = f"""\
    # A pool with several replicas: the requests to a model go to the same one, as long as few are in flight.
    acl several var(txn.up) -m int gt 1
    acl in_pool var(txn.app) -m beg {APPLICATION_PREFIX}
    http-request track-sc0 var(txn.model) table {TABLE} if several in_pool !forward
    http-request set-var(txn.spread_above) var(txn.model),map_str_int({SPREAD_FILE},{SPREAD_ABOVE}) if several in_pool
    http-request set-var({KEY}) var(txn.model) if several in_pool !{{ sc0_trackers,sub(txn.spread_above) gt 0 }}
"""
"""After the rules that set `txn.up` and `txn.forward`."""

TABLE_SECTION = f"""\
# Counts the requests in flight to each model of such a pool. A key is a model's name.
backend {TABLE} from edge
    stick-table type string len 64 size 100k expire 10s
"""
