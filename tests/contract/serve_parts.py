"""The code of Ray Serve in front of an ingress, imported from Ray. Importing it causes a warning about Ray's use of pydantic."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from ray.serve._private.direct_ingress_http_util import ASGIDIReceiveProxy as ReceiveProxy
    from ray.serve._private.http_util import _apply_middlewares as apply_middlewares
    from ray.serve._private.http_util import convert_object_to_asgi_messages

__all__ = ["ReceiveProxy", "apply_middlewares", "convert_object_to_asgi_messages"]
