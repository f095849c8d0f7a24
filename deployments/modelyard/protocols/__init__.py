"""Pure codecs between a protocol's bytes and tensors; no IO."""
